package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.fluke.Arrival;
import org.tetrapylon.fluke.FlukeException;
import org.tetrapylon.fluke.FlukeIpc;
import org.tetrapylon.fluke.Params;
import org.tetrapylon.fluke.Port;
import org.tetrapylon.fluke.PortSet;
import org.tetrapylon.fluke.Server;

/**
 * By the Fluke gate. A message is a word that says how it is answered, its size and its bytes, as in gate_fluke.c. Several threads: a client may
 * keep the one that it is connected to for as long as it lives.
 */
final class FlukeEcho extends EchoServer {

    private static final int THREADS = 3;
    private static final int HEAD = 8;
    private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT;
    /** What a client or server of this gate may learn from one that goes, at whatever moment. */
    private static final Set<Integer> GONE = Set.of(FlukeIpc.FLUKE_IPC_CONNECT_INVALID_DEST, FlukeIpc.FLUKE_IPC_SEND_DISCONNECTED,
            FlukeIpc.FLUKE_IPC_OVER_DISCONNECTED, FlukeIpc.FLUKE_IPC_ACK_DISCONNECTED);

    private final PortSet set = PortSet.create();
    private final Port port = Port.create(0);

    FlukeEcho(String name) {
        port.moveTo(set);
        port.bind(name);
        for (int i = 0; i < THREADS; i++) {
            start(this::serve);
        }
    }

    private void serve() {
        try (Server server = Server.of(set); Arena arena = Arena.ofConfined()) {
            MemorySegment room = arena.allocate(ROOM, 8);
            Params params = new Params().receive(room);
            long came = server.accept(params);
            while (true) {
                params.send(room, came).receive(room);
                try {
                    came = answer(server, room, params, came);
                } catch (FlukeException e) {
                    assertTrue(GONE.contains(e.status()), e.toString());
                    came = server.accept(params.send(room, 0).receive(room));
                }
            }
        }
    }

    private static long answer(Server server, MemorySegment room, Params params, long came) {
        if (server.arrival() != Arrival.WHOLE || came < HEAD) {
            return server.accept(params.send(room, 0));
        }
        return server.isCalled() ? server.replyAndAccept(params)
                : room.get(WORD, 0) == 'E' ? server.ackSendAndReceive(params) : server.ackSendAndAccept(params);
    }

    @Override
    void end(List<Thread> of) {
        of.forEach(Thread::interrupt);
        for (Thread thread : of) {
            Honest.join(thread);
        }
        port.close();
        set.close();
    }

    @Override
    boolean isEnd(Throwable e) {
        return e instanceof InterruptedCallException;
    }

    /** Connects anew for each message, in one of three ways. */
    static final class Client implements Gate.Caller {

        private final org.tetrapylon.fluke.Client client;
        private final MemorySegment out;
        private final MemorySegment in;
        private int count;

        Client(String name) throws Gate.Gone {
            try {
                client = org.tetrapylon.fluke.Client.open(name);
            } catch (FlukeException e) {
                throw Gate.Gone.of(e, e.status() == FlukeIpc.FLUKE_INVALID_DEST);
            }
            // Not before: who tries again and again would take memory faster than it is collected.
            out = Arena.ofAuto().allocate(ROOM, 8);
            in = Arena.ofAuto().allocate(ROOM, 8);
        }

        @Override
        public byte[] call(byte[] message) throws Gate.Gone {
            int kind = "eEc".charAt(count++ % 3);
            MemorySegment all = out.asSlice(0, HEAD + (message.length + 3) / 4 * 4);
            all.set(WORD, 0, kind);
            all.set(WORD, 4, message.length);
            MemorySegment.copy(message, 0, all, ValueLayout.JAVA_BYTE, HEAD, message.length);
            long came;
            try {
                came = kind == 'c' ? client.call(all, in) : client.connectSendAndReceive(all, in);
                if (kind == 'E' && client.arrival() == Arrival.WHOLE) {
                    came = client.ackSendAndReceive(all, in);
                    client.disconnect();
                }
            } catch (FlukeException e) {
                throw Gate.Gone.of(e, GONE.contains(e.status()));
            }
            if (came == 0) { // it went before it sent anything
                throw new Gate.Gone(null);
            }
            return in.asSlice(HEAD, Math.clamp(in.get(WORD, 4), 0, came - HEAD)).toArray(ValueLayout.JAVA_BYTE);
        }

        @Override
        public void close() {
            client.close();
        }
    }
}
