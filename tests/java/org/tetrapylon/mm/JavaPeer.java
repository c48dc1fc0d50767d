package org.tetrapylon.mm;

import java.lang.foreign.MemorySegment;
import org.tetrapylon.Fd;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Observe;

/**
 * The Java counterpart of {@code tests/interop/mm_peer.c}, a process of its own:
 * {@code serve NAME}, {@code send NAME COUNT}, {@code listen NAME} (and waits to be killed), {@code leak}.
 */
final class JavaPeer {

    private JavaPeer() {}

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "serve" -> serve(arguments[1]);
            case "send" -> sendAndDie(arguments[1], Integer.parseInt(arguments[2]));
            case "listen" -> listen(arguments[1]);
            case "leak" -> leak();
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    /** Sends every message back with its descriptors. */
    private static void serve(String name) {
        MemorySegment[] room = {MmSupport.room(1 << 18)};
        try (Server server = Server.listen(name); Received received = new Received(Received.DESCRIPTORS_MAX)) {
            System.out.println("ready");
            for (;;) {
                try (Endpoint connection = server.accept()) {
                    answer(connection, room, received);
                }
            }
        }
    }

    /** Until the peer has gone. */
    private static void answer(Endpoint connection, MemorySegment[] room, Received received) {
        for (;;) {
            long size;
            try {
                size = connection.receive(room, received);
            } catch (TetrapylonException end) {
                return;
            }
            Fd[] descriptors = new Fd[received.descriptorCount()];
            for (int i = 0; i < descriptors.length; i++) {
                descriptors[i] = received.take(i);
            }
            connection.send(new MemorySegment[] {room[0].asSlice(0, size)}, descriptors);
            MmSupport.closeAll(descriptors);
        }
    }

    private static void sendAndDie(String name, int count) throws Exception {
        Endpoint connection = Endpoint.connect(name);
        for (int i = 0; i < count; i++) {
            connection.send(MemorySegment.ofArray(new int[] {i}));
        }
        new ProcessBuilder("kill", "-KILL", Long.toString(ProcessHandle.current().pid())).start();
        connection.receive(MmSupport.room(1));
    }

    private static void listen(String name) {
        Server server = Server.listen(name);
        System.out.println("ready");
        server.accept().receive(MmSupport.room(1));
    }

    /** Forgets descriptors and says how many there are, before and after they were collected. */
    private static void leak() {
        long before = held();
        Endpoint.pair();
        Fd.memfd("forgotten", 1);
        Server.listen(MmSupport.name());
        System.out.println(held() - before);
        Observe.until(() -> {
            System.gc();
            return held() == before;
        });
        System.out.println(held() - before);
    }

    /** Sockets and memory: the JVM itself opens a file now and then, and closes it. */
    private static long held() {
        return Observe.descriptors().stream().map(Observe::target)
                .filter(target -> target.startsWith("socket:") || target.startsWith("/memfd:")).count();
    }
}
