package org.tetrapylon.qnx;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.PeerProcess;

/** The Java end of the tests between processes: the same program as tests/interop/qnx_peer.c, where its commands are described. */
public final class QnxPeer {

    /** Starts a peer in that language, "c" or "java". */
    static PeerProcess start(String language, Object... arguments) throws IOException {
        return PeerProcess.start("qnx_peer", QnxPeer.class, language, arguments);
    }

    private static final int BUFFER = 1 << 20;
    private static final int[] SIZES = {1, 8, 56, 57, 64, 1000, 4096, 4097, 65_536, 100_000, BUFFER};

    private QnxPeer() {}

    public static void main(String[] arguments) throws Exception {
        int count = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 0;
        switch (arguments[0]) {
            case "serve" -> serve(arguments[1]);
            case "call" -> call(arguments[1], count);
            case "hang" -> hang(arguments[1]);
            case "pulses" -> pulses(arguments[1], count);
            case "hammer" -> hammer(arguments[1]);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void serve(String name) throws Exception {
        try (Channel channel = Channel.attach(name)) {
            say("ready " + ProcessHandle.current().pid() + " " + channel.chid());
            Message message = new Message(BUFFER);
            while (true) {
                switch (channel.receive(message)) {
                    case Message it -> answer(it);
                    case Pulse.Disconnect it -> {
                        channel.handle(it);
                        say("disconnect");
                    }
                    case Pulse.User it -> say("pulse " + it.code() + " " + it.value());
                    case Pulse it -> channel.handle(it);
                }
            }
        }
    }

    private static void answer(Message message) throws Exception {
        try {
            switch (message.length() == 0 ? 0 : message.buffer().get(ValueLayout.JAVA_BYTE, 0)) {
                case 'e' -> message.reply(message.length(), message.length());
                case 'h' -> {
                    message.detach();
                    say("held");
                }
                case 'b' -> {
                    say("busy");
                    new CountDownLatch(1).await();
                }
                case 't' -> transfer(message);
                case 'x' -> message.fail(Errno.EPERM);
                case 'i' -> tell(message);
                case 'v' -> {
                    SigEvent event = SigEvent.at(message.buffer().asSlice(8));
                    long rcvid = message.rcvid();
                    message.reply(0);
                    Neutrino.msgDeliverEvent(rcvid, event);
                }
                case 'k' -> new ProcessBuilder("kill", "-9", Long.toString(ProcessHandle.current().pid())).start().waitFor();
                case 'q' -> {
                    message.reply(0);
                    System.exit(0);
                }
                default -> message.fail(Errno.ENOSYS);
            }
        } catch (TetrapylonException e) {
            if (e.errno() != Errno.ESRCH) {
                throw e;
            }
        }
    }

    private static void transfer(Message message) {
        long total = 0;
        while (true) {
            byte[] piece = message.read(total, 1000);
            if (piece.length == 0) {
                break;
            }
            for (int i = 0; i < piece.length; i++) {
                piece[i]++;
            }
            if (message.write(total, piece) != piece.length) {
                break;
            }
            total += piece.length;
        }
        message.reply(total == message.info().srcmsglen() ? total : -1);
    }

    private static void tell(Message message) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment told = arena.allocate(24);
            told.set(ValueLayout.JAVA_INT, 0, message.info().pid());
            told.set(ValueLayout.JAVA_INT, 4, Neutrino.connectClientInfo(message.info().scoid(), 0).euid());
            told.set(ValueLayout.JAVA_LONG, 8, message.info().srcmsglen());
            told.set(ValueLayout.JAVA_LONG, 16, message.info().dstmsglen());
            message.reply(0, told);
        }
    }

    private static void call(String name, int count) {
        try (Connection connection = Connection.open(name)) {
            for (int i = 0; i < count; i++) {
                byte[] message = new byte[SIZES[i % SIZES.length]];
                for (int at = 0; at < message.length; at++) {
                    message[at] = (byte) (at * 7 + i);
                }
                message[0] = 'e';
                Reply reply = connection.send(message, message.length);
                if (reply.status() != message.length || !Arrays.equals(message, reply.payload())) {
                    say("wrong " + i + " " + reply.status());
                    System.exit(1);
                }
            }
        }
        say("ok " + count);
    }

    private static void hang(String name) {
        try (Connection connection = Connection.open(name)) {
            say("sending");
            say("ended " + connection.send(new byte[] {'h'}, 0).status() + " 0");
        } catch (TetrapylonException e) {
            say("ended -1 " + e.errno());
        }
    }

    private static void pulses(String name, int count) {
        try (Connection connection = Connection.open(name)) {
            for (int i = 0; i < count; i++) {
                connection.pulse(i & 127, -i);
            }
        }
        say("ok " + count);
    }

    private static void hammer(String name) {
        try (Connection connection = Connection.open(name); Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(70_000);
            MemorySegment in = arena.allocate(70_000);
            say("hammering");
            for (long i = 0;; i++) {
                out.set(ValueLayout.JAVA_LONG, 0, i << 8 | 'e');
                long size = i % 50 == 49 ? 70_000 : 8;
                connection.send(out.asSlice(0, size), in.asSlice(0, size));
                if (in.get(ValueLayout.JAVA_LONG, 0) != (i << 8 | 'e')) {
                    say("wrong " + i);
                    System.exit(1);
                }
            }
        } catch (TetrapylonException e) {
            say("ended -1 " + e.errno());
        }
    }
}
