package org.tetrapylon.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.function.Consumer;
import org.tetrapylon.Fd;

/** The process of {@link AllocationTest}: says for each way to send and receive how many bytes of heap messages take. */
final class AllocationCount {

    /** How many lines it prints. */
    static final int CASES = 18;

    /** Nanoseconds. */
    private static final long PATIENCE = 4_000_000_000L;
    private static final int WARM_UP = 20_000;
    private static final int MESSAGES = 2_000;
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    private AllocationCount() {}

    public static void main(String[] arguments) throws Exception {
        try (Endpoint.Pair pair = Endpoint.pair(); EndpointSelector selector = EndpointSelector.open()) {
            Endpoint from = pair.first();
            Endpoint to = pair.second();
            for (int size : new int[] {64, 4096}) {
                messages(from, to, size);
            }
            MemorySegment bytes = Arena.ofAuto().allocate(64);
            selector.add(to, to);
            Consumer<EndpointSelector.Key> action = key -> to.receive(bytes);
            count("selector", () -> {
                from.send(bytes);
                selector.select(action);
            });
            pingPong(from, to, bytes);
        }
    }

    private static void messages(Endpoint from, Endpoint to, int size) {
        Received received = new Received(8);
        Duration limit = Duration.ofSeconds(10);
        Arena shared = Arena.ofShared();
        MemorySegment out = shared.allocate(size);
        MemorySegment in = shared.allocate(size);
        count("segments", () -> {
            from.send(out);
            to.receive(in);
        });
        count("segments, time limit", () -> {
            from.send(out, limit);
            to.receive(in, limit);
        });
        MemorySegment heap = MemorySegment.ofArray(new byte[size]);
        count("heap segments", () -> {
            from.send(heap);
            to.receive(heap);
        });
        MemorySegment[] outPieces = {out.asSlice(0, size / 2), out.asSlice(size / 2)};
        MemorySegment[] inPieces = {in.asSlice(0, size / 2), in.asSlice(size / 2)};
        count("pieces", () -> {
            from.send(outPieces, null);
            to.receive(inPieces, received);
        });
        ByteBuffer direct = ByteBuffer.allocateDirect(size);
        ByteBuffer onHeap = ByteBuffer.allocate(size);
        count("direct to heap buffer", () -> {
            from.send(direct.clear());
            to.receive(onHeap.clear());
        });
        count("heap to direct buffer", () -> {
            from.send(onHeap.clear());
            to.receive(direct.clear());
        });
        ByteBuffer[] buffers = {ByteBuffer.allocateDirect(size / 2), ByteBuffer.allocateDirect(size / 2)};
        Fd[] nothing = {};
        count("buffers", () -> {
            from.send(cleared(buffers), nothing);
            to.receive(cleared(buffers), received);
        });
        ByteBuffer[] mixed = {ByteBuffer.allocateDirect(size / 2), ByteBuffer.allocate(size / 2)};
        count("mixed buffers", () -> {
            from.send(cleared(mixed), null);
            to.receive(cleared(mixed), received);
        });
    }

    /** Both sides wait for each other. */
    private static void pingPong(Endpoint from, Endpoint to, MemorySegment bytes) throws Exception {
        MemorySegment other = Arena.ofAuto().allocate(64);
        Thread echo = Thread.ofPlatform().daemon().start(() -> {
            for (long size = 1; size > 0; ) {
                size = to.receive(other);
                to.send(other.asSlice(0, size));
            }
        });
        count("blocked", () -> {
            from.send(bytes);
            from.receive(bytes);
        });
        from.send(bytes.asSlice(0, 0));
        echo.join();
    }

    private static ByteBuffer[] cleared(ByteBuffer[] buffers) {
        for (ByteBuffer buffer : buffers) {
            buffer.clear();
        }
        return buffers;
    }

    private static void count(String what, Runnable messages) {
        for (int i = 0; i < WARM_UP; i++) {
            messages.run();
        }
        // The JVM may have something of its own to do once, on this thread, too, and on a busy machine takes its time to compile;
        // a cost per message is there every time.
        long least = Long.MAX_VALUE;
        long end = System.nanoTime() + PATIENCE;
        for (int round = 0; least > 0 && (round < 5 || System.nanoTime() < end); round++) {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < MESSAGES; i++) {
                messages.run();
            }
            least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
        }
        System.out.println(least + " bytes: " + what);
    }
}
