package org.tetrapylon.qnx;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.generated.core.tetrapylon_h;
import org.tetrapylon.generated.qnx.neutrino_h;

/**
 * A server's channel, by which messages and pulses come.
 *
 * {@snippet :
 * try (Channel channel = Channel.attach("clock")) {
 *     Message message = new Message(64);
 *     while (true) {
 *         switch (channel.receive(message)) {
 *             case Message m -> m.reply(0, LocalTime.now().toString().getBytes());
 *             case Pulse pulse -> channel.handle(pulse);
 *         }
 *     }
 * }
 * }
 *
 * <p>What waits first is chosen by priority, then by the order of arrival. Any number of threads may receive by one channel, each into its
 * own {@link Message}. Closing the channel ends all calls on it, the clients' with ESRCH.
 *
 * <p>Thread-safe.
 */
public final class Channel implements AutoCloseable {

    /** Whom a channel admits. */
    public enum Admit {
        /** Processes of the same effective user, and of root. The default. */
        USER,
        /** Only this process. */
        PROCESS,
        /** Everybody. */
        ALL
    }

    private static final long DEFAULT_CAPACITY = 4096;

    private final int chid;
    private final Neutrino.NameAttach named;
    private volatile boolean closed;

    private Channel(int chid, Neutrino.NameAttach named) {
        this.chid = chid;
        this.named = named;
    }

    /** {@return a channel without a name and without flags; clients are told its {@link #chid} and this process} */
    public static Channel create() {
        return create(0);
    }

    /**
     * Makes a channel without a name.
     *
     * @param flags {@code Neutrino._NTO_CHF_*}
     * @return the channel
     * @throws TetrapylonException EAGAIN no channel is left, EBUSY a second one with THREAD_DEATH or COID_DISCONNECT, EINVAL
     */
    public static Channel create(int flags) {
        return new Channel(Neutrino.channelCreate(flags), null);
    }

    /**
     * Makes a channel that has a name among those of this user, with the flags _NTO_CHF_UNBLOCK and _NTO_CHF_DISCONNECT.
     *
     * @param name 1 to 100 bytes
     * @return the channel
     * @throws TetrapylonException EEXIST the name is taken, EINVAL it is not allowed, ENAMETOOLONG, EAGAIN
     */
    public static Channel attach(String name) {
        Neutrino.NameAttach named = Neutrino.nameAttach(null, name, 0);
        return new Channel(named.chid(), named);
    }

    /** {@return the number of the channel} */
    public int chid() {
        return chid;
    }

    /** {@return a connection to this channel from within this process} */
    public Connection connect() {
        check("ConnectAttach");
        return Connection.attach(0, chid);
    }

    /**
     * Says whom the channel admits from now on.
     *
     * @param whom for connections from now on
     */
    public void admit(Admit whom) {
        check("tpy_channel_admit");
        int word = switch (whom) {
            case USER -> tetrapylon_h.TPY_ADMIT_USER();
            case PROCESS -> tetrapylon_h.TPY_ADMIT_PROCESS();
            case ALL -> tetrapylon_h.TPY_ADMIT_ALL();
        };
        result("tpy_channel_admit", tetrapylon_h.tpy_channel_admit(chid, word));
    }

    /**
     * Says how long a message of a client that died stays open on a channel with _NTO_CHF_UNBLOCK: 0 to 1 s, at first 1 s.
     *
     * @param time 0 to 1 s
     */
    public void grace(Duration time) {
        check("tpy_channel_grace");
        result("tpy_channel_grace", tetrapylon_h.tpy_channel_grace(chid, Timeouts.nanoseconds(time)));
    }

    private static void result(String call, int result) {
        if (result < 0) {
            throw Errno.exception(call, result);
        }
    }

    private void check(String call) {
        if (closed) {
            throw Errno.exception(call, Errno.ESRCH);
        }
    }

    // ---- Receiving

    /**
     * Waits for a message or pulse.
     *
     * @return a fresh message of 4 KiB at most, or a pulse
     */
    public Received receive() {
        return receive(new Message(DEFAULT_CAPACITY));
    }

    /**
     * Waits for a message or pulse.
     *
     * @param into where a message goes; it must have been answered since the last time
     * @return into, or a pulse
     * @throws TetrapylonException ESRCH the channel is closed, or was closed meanwhile; EINTR the thread is interrupted
     */
    public Received receive(Message into) {
        return receive(into, Calls.FOREVER);
    }

    /**
     * As {@link #receive(Message)}, with a timeout from now; zero does not block.
     *
     * @param into where a message goes
     * @param timeout how long to wait; zero looks only
     * @return into, or a pulse
     * @throws org.tetrapylon.DeadlineException if nothing came in time
     */
    public Received receive(Message into, Duration timeout) {
        return receive(into, Timeouts.nanoseconds(timeout));
    }

    private Received receive(Message into, long nanoseconds) {
        check("MsgReceive");
        into.clear();
        MemorySegment buffer = into.buffer();
        long since = nanoseconds > 0 ? System.nanoTime() : 0;
        long left = nanoseconds;
        long result = Calls.receive(chid, buffer, buffer.byteSize(), into.info().segment(), left);
        // A signal is nothing to a Java program: the wait goes on.
        while (result == -Errno.EINTR && !Thread.currentThread().isInterrupted()) {
            left = nanoseconds > 0 ? Math.max(0, nanoseconds - (System.nanoTime() - since)) : nanoseconds;
            result = Calls.receive(chid, buffer, buffer.byteSize(), into.info().segment(), left);
        }
        if (result > 0) {
            into.received(result);
            return into;
        }
        if (result < 0) {
            throw Errno.exception("MsgReceive", (int) result);
        }
        return Pulse.read(buffer);
    }

    /**
     * What a server does with a pulse of the system's that it has no plans for: a client that has gone is forgotten (its scoid can be used
     * again), and one that asks to be let go is let go, with the reason it has. Other pulses are ignored.
     *
     * @param pulse of any kind
     */
    public void handle(Pulse pulse) {
        switch (pulse) {
            case Pulse.Disconnect it -> neutrino_h.ConnectDetach_r(it.scoid());
            case Pulse.Unblock it -> neutrino_h.MsgError_r(it.rcvid(), -1);
            case Pulse.User it -> { }
            case Pulse.ThreadDeath it -> { }
            case Pulse.CoidDeath it -> { }
        }
    }

    /**
     * {@return who the client process is that a message or pulse came from}
     *
     * @param scoid as {@link MsgInfo#scoid} tells it
     */
    public ClientInfo client(int scoid) {
        return Neutrino.connectClientInfo(scoid, 0);
    }

    /** Ends the channel and gives its name up: calls on it fail with ESRCH. Does nothing the second time. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        if (named != null) {
            Neutrino.nameDetach(named, 0);
        } else {
            neutrino_h.ChannelDestroy_r(chid);
        }
    }

    @Override
    public String toString() {
        return "Channel[chid=" + chid + (closed ? ", closed]" : "]");
    }
}
