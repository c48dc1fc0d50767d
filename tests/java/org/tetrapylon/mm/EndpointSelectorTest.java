package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.support.Observe.fails;
import static org.tetrapylon.support.Observe.leavesNoDescriptors;
import static org.tetrapylon.mm.MmSupport.hear;
import static org.tetrapylon.mm.MmSupport.name;
import static org.tetrapylon.mm.MmSupport.room;
import static org.tetrapylon.mm.MmSupport.say;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tetrapylon.Errno;
import org.tetrapylon.Fd;
import org.tetrapylon.InterruptedCallException;
import org.tetrapylon.support.Blocked;

/** Waiting for many endpoints and servers at once. */
@Timeout(20)
class EndpointSelectorTest {

    private EndpointSelector selector;

    @BeforeEach
    void open() {
        selector = EndpointSelector.open();
    }

    @AfterEach
    void close() {
        selector.close();
    }

    private Set<Object> ready() {
        Set<Object> ready = new TreeSet<>();
        selector.select(Duration.ZERO, key -> assertTrue(ready.add(key.attachment())));
        return ready;
    }

    @Test
    void whatIsReadyIsReportedUntilItIsNoMore() {
        try (Endpoint.Pair a = Endpoint.pair(); Endpoint.Pair b = Endpoint.pair()) {
            selector.add(a.second(), "a");
            selector.add(b.second(), "b");
            assertEquals(Set.of(), ready());
            say(a.first(), "one");
            assertEquals(Set.of("a"), ready());
            say(b.first(), "two");
            assertEquals(Set.of("a", "b"), ready());
            assertEquals(Set.of("a", "b"), ready());
            hear(a.second());
            assertEquals(Set.of("b"), ready());
            b.first().close();
            hear(b.second());
            selector.select(key -> {
                assertTrue(key.isReadable());
                assertFalse(key.isWritable());
                assertEquals("b", key.attachment());
            });
            fails(Errno.ECONNRESET, () -> b.second().receive(room(1)));
        }
    }

    /** The spec's server: one thread, many clients. */
    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void oneThreadServesManyClients(Blocked.Kind kind) throws Throwable {
        final int clients = 100;
        try (Server server = Server.listen(name())) {
            selector.add(server, null);
            Blocked<Integer> service = Blocked.in(kind, () -> {
                int[] gone = {0};
                while (gone[0] < clients) {
                    selector.select(key -> {
                        if (key.attachment() instanceof Endpoint client) {
                            try {
                                say(client, "re: " + hear(client));
                            } catch (org.tetrapylon.TetrapylonException end) {
                                client.close();
                                gone[0]++;
                            }
                        } else {
                            Endpoint accepted = server.accept();
                            selector.add(accepted, accepted);
                        }
                    });
                }
                return gone[0];
            });
            List<Endpoint> all = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                all.add(Endpoint.connect(server.name()));
            }
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < clients; i++) {
                    say(all.get(i), round + " " + i);
                }
                for (int i = 0; i < clients; i++) {
                    assertEquals("re: " + round + " " + i, hear(all.get(i)));
                }
            }
            all.forEach(Endpoint::close);
            assertEquals(clients, service.join());
        }
    }

    @Test
    void writableIsReportedWhenAskedFor() {
        try (Endpoint.Pair pair = Endpoint.pair()) {
            EndpointSelector.Key key = selector.add(pair.first().fd(), Fd.WRITABLE, "w");
            assertEquals(Set.of("w"), ready());
            assertTrue(key.isWritable());
            key.events(Fd.READABLE);
            assertEquals(Set.of(), ready());
            key.events(0);
            say(pair.second(), "unseen");
            assertEquals(Set.of(), ready());
            key.events(Fd.READABLE | Fd.WRITABLE);
            assertEquals(Set.of("w"), ready());
            assertEquals(Fd.READABLE | Fd.WRITABLE, key.ready());
        }
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void aSelectEndsByWakeupInterruptTimeAndClose(Blocked.Kind kind) throws Throwable {
        Blocked<Integer> woken = Blocked.in(kind, () -> selector.select(key -> {}));
        selector.wakeup();
        assertEquals(0, woken.join());
        selector.wakeup();
        selector.wakeup();
        assertEquals(0, selector.select(key -> {})); // also one that comes before
        Blocked<Integer> limited = Blocked.in(kind, () -> selector.select(Duration.ofMillis(20), key -> {}));
        assertEquals(0, limited.join());
        Blocked<Integer> interrupted = Blocked.in(kind, () -> selector.select(key -> {}));
        interrupted.thread().interrupt();
        assertThrows(InterruptedCallException.class, interrupted::join);
        Blocked<Integer> closed = Blocked.in(kind, () -> selector.select(key -> {}));
        selector.close();
        fails(Errno.EBADF, closed::join);
        fails(Errno.EBADF, () -> selector.select(key -> {}));
        selector.wakeup();
    }

    @ParameterizedTest
    @EnumSource(Blocked.Kind.class)
    void whatIsAddedMeanwhileIsWatched(Blocked.Kind kind) throws Throwable {
        try (Endpoint.Pair pair = Endpoint.pair()) {
            Blocked<Integer> select = Blocked.in(kind, () -> selector.select(key -> assertEquals("late", key.attachment())));
            selector.add(pair.second(), "late");
            say(pair.first(), "now");
            assertEquals(1, select.join());
        }
    }

    @Test
    void closingAnEndpointTakesItOutEvenIfADuplicateLives() {
        try (Endpoint.Pair pair = Endpoint.pair()) {
            Fd duplicate = pair.second().fd().dup();
            selector.add(pair.second(), "gone");
            say(pair.first(), "unread");
            pair.second().close();
            assertEquals(Set.of(), ready());
            selector.add(Endpoint.of(duplicate), "again");
            assertEquals(Set.of("again"), ready());
            duplicate.close();
        }
    }

    @Test
    void cancellingTakesItOutAlsoFromWithinTheAction() {
        try (Endpoint.Pair a = Endpoint.pair(); Endpoint.Pair b = Endpoint.pair()) {
            List<EndpointSelector.Key> keys = List.of(selector.add(a.second(), "a"), selector.add(b.second(), "b"));
            say(a.first(), "one");
            say(b.first(), "two");
            assertEquals(1, selector.select(key -> keys.forEach(EndpointSelector.Key::cancel)));
            assertEquals(Set.of(), ready());
            assertThrows(IllegalStateException.class, () -> keys.get(0).events(Fd.READABLE));
            selector.add(a.second(), "a again");
            assertEquals(Set.of("a again"), ready());
        }
    }

    @Test
    void whatCannotBeAdded() throws Throwable {
        try (Endpoint.Pair pair = Endpoint.pair(); Fd file = Fd.open(Path.of("/proc/self/exe"))) {
            selector.add(pair.first(), null);
            fails(Errno.EEXIST, () -> selector.add(pair.first(), null));
            fails(Errno.EPERM, () -> selector.add(file, Fd.READABLE, null));
            pair.second().close();
            fails(Errno.EBADF, () -> selector.add(pair.second(), null));
        }
        leavesNoDescriptors(() -> EndpointSelector.open().close());
    }
}
