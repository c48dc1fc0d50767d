package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Background;

/**
 * Threads of both kinds that send, receive, answer, connect, close channels under each other, run into deadlines and are interrupted, all
 * at once. Every call that returns has the right bytes; every one that fails has one of the documented errors; all end.
 */
@Timeout(90)
class RaceTest {

    private static final int PLATFORM = 6;
    private static final int VIRTUAL = 4;
    private static final int ROUNDS = 120;
    private static final int FLAGS = Neutrino._NTO_CHF_UNBLOCK | Neutrino._NTO_CHF_DISCONNECT;
    private static final Set<Integer> EXPECTED = Set.of(Errno.EBADF, Errno.ESRCH, Errno.EINTR, Errno.ETIMEDOUT, Errno.ECANCELED);

    private final AtomicReference<Channel> current = new AtomicReference<>(Channel.create(FLAGS));
    private final AtomicLong answered = new AtomicLong();

    @Test
    void everythingAtOnce() throws Exception {
        List<Background> all = new ArrayList<>();
        for (int i = 0; i < PLATFORM + VIRTUAL; i++) {
            Random random = new Random(i);
            Background.Body body = () -> {
                for (int round = 0; round < ROUNDS; round++) {
                    try {
                        step(random);
                    } catch (TetrapylonException e) {
                        assertTrue(EXPECTED.contains(e.errno()), e.toString());
                    }
                    Thread.interrupted();
                }
            };
            all.add(i < PLATFORM ? Background.platform(body) : Background.virtual(body));
        }
        Random random = new Random(PLATFORM + VIRTUAL);
        while (all.stream().anyMatch(it -> it.thread().isAlive())) {
            all.get(random.nextInt(all.size())).thread().interrupt();
            Thread.yield();
        }
        for (Background it : all) {
            it.endWell();
        }
        current.get().close();
        assertTrue(answered.get() > 0, "nothing came through");
    }

    private void step(Random random) {
        Channel channel = current.get();
        switch (random.nextInt(5)) {
            case 0, 1 -> send(channel, random);
            case 2, 3 -> serve(channel, random);
            default -> {
                if (random.nextInt(8) == 0) {
                    current.getAndSet(Channel.create(FLAGS)).close();
                } else {
                    try (Connection connection = channel.connect()) {
                        connection.pulse(1, 1);
                    }
                }
            }
        }
    }

    private void send(Channel channel, Random random) {
        try (Connection connection = channel.connect()) {
            for (int i = random.nextInt(100); i > 0; i--) {
                byte[] message = new byte[random.nextInt(1000)];
                random.nextBytes(message);
                Reply reply = connection.send(message, message.length, Duration.ofMillis(1 + random.nextInt(20)));
                assertArrayEquals(message, reply.payload());
                answered.incrementAndGet();
            }
        }
    }

    private static void serve(Channel channel, Random random) {
        try (Message message = new Message(1000)) {
            for (int i = random.nextInt(200); i > 0; i--) {
                switch (channel.receive(message, Duration.ofMillis(5))) {
                    case Message it -> {
                        if (random.nextInt(50) == 0) {
                            it.close();
                        } else {
                            it.reply(it.length(), it.payload());
                        }
                    }
                    case Pulse pulse -> channel.handle(pulse);
                }
            }
        }
    }
}
