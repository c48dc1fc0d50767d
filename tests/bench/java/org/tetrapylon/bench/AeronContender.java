package org.tetrapylon.bench;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.FragmentAssembler;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.FragmentHandler;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.NoOpIdleStrategy;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.YieldingIdleStrategy;

/**
 * Aeron IPC: a stream there and a stream back through a media driver inside the server's process. Both sides spin, or
 * yield where there is one CPU only; the driver, which no message passes through, backs off. One client. Set up as fast as it was seen to
 * be: exclusive publications, no pause between polls, and the shortest terms that carry the largest message (eight times its
 * length), since each message lies in fresh memory and longer terms (64 MiB) leave the caches: a factor of up to 3.
 */
final class AeronContender implements Contender {

    /** The harness stops these processes between slices, which must not count as their death. */
    private static final long PATIENCE_SECONDS = 3600;

    private static final String CHANNEL = "aeron:ipc?term-length=8m|mtu=65504";
    private static final int REQUESTS = 1;
    private static final int REPLIES = 2;

    /** Both sides on one CPU: spinning there only keeps the other from answering. */
    private static IdleStrategy idleStrategy() {
        boolean shared = "shared".equals(System.getenv("TETRAPYLON_BENCH_PLACEMENT"));
        return shared ? new YieldingIdleStrategy() : NoOpIdleStrategy.INSTANCE;
    }

    private static Aeron aeron(String folder) {
        return Aeron.connect(new Aeron.Context().aeronDirectoryName(folder)
                .driverTimeoutMs(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS)));
    }

    private static void offer(ExclusivePublication publication, UnsafeBuffer buffer, int size, IdleStrategy idle) {
        while (publication.offer(buffer, 0, size) < 0) {
            if (publication.isClosed()) {
                throw new IllegalStateException("the publication is closed");
            }
            idle.idle();
        }
    }

    @Override
    public void serve(String endpoint, int clients, MemorySegment message, Consumer<String> ready) {
        MediaDriver.launch(new MediaDriver.Context().aeronDirectoryName(endpoint).dirDeleteOnStart(true)
                .threadingMode(ThreadingMode.SHARED)
                .sharedIdleStrategy(new BackoffIdleStrategy(1, 1, 1_000, 1_000_000))
                .clientLivenessTimeoutNs(TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS))
                .publicationUnblockTimeoutNs(TimeUnit.SECONDS.toNanos(2 * PATIENCE_SECONDS)));
        Aeron aeron = aeron(endpoint);
        Subscription requests = aeron.addSubscription(CHANNEL, REQUESTS);
        ExclusivePublication replies = aeron.addExclusivePublication(CHANNEL, REPLIES);
        UnsafeBuffer buffer = new UnsafeBuffer(message.address(), LARGEST);
        IdleStrategy idle = idleStrategy();
        FragmentHandler handler = new FragmentAssembler((source, offset, length, header) -> {
            buffer.putBytes(0, source, offset, length);
            offer(replies, buffer, Message.answer(message), idle);
        });
        ready.accept(endpoint);
        for (;;) {
            idle.idle(requests.poll(handler, 1));
        }
    }

    @Override
    public Client connect(String address, int index, MemorySegment request, MemorySegment reply) {
        Aeron aeron = aeron(address);
        ExclusivePublication requests = aeron.addExclusivePublication(CHANNEL, REQUESTS);
        Subscription replies = aeron.addSubscription(CHANNEL, REPLIES);
        return new AeronClient(requests, replies, request, reply);
    }

    private static final class AeronClient implements Client {
        private final ExclusivePublication requests;
        private final Subscription replies;
        private final UnsafeBuffer out;
        private final IdleStrategy idle = idleStrategy();
        private final FragmentHandler handler;
        private boolean arrived;

        AeronClient(ExclusivePublication requests, Subscription replies, MemorySegment request, MemorySegment reply) {
            this.requests = requests;
            this.replies = replies;
            this.out = new UnsafeBuffer(request.address(), LARGEST);
            UnsafeBuffer in = new UnsafeBuffer(reply.address(), LARGEST);
            this.handler = new FragmentAssembler((source, offset, length, header) -> {
                in.putBytes(0, source, offset, length);
                arrived = true;
            });
        }

        @Override
        public void call(int size) {
            arrived = false;
            offer(requests, out, size, idle);
            while (!arrived) {
                idle.idle(replies.poll(handler, 1));
            }
        }
    }
}
