package org.tetrapylon.l4;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.DeadlineException;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.support.Observe;
import org.tetrapylon.support.PeerProcess;

/** Names of threads: documented functions and the easier way in. */
@Timeout(60)
class NamesTest {

    private final String name = PeerProcess.freshName();

    private static int errnoOf(Runnable call) {
        return assertThrows(TetrapylonException.class, call::run).errno();
    }

    @Test
    void documentedFunctions() {
        assertEquals(L4.L4_NIL_ID, L4.namesQueryName(name));
        assertFalse(L4.namesUnregister(name));
        assertTrue(L4.namesRegister(name));
        assertFalse(L4.namesRegister(name), "also not twice");
        assertEquals(L4.l4Myself(), L4.namesQueryName(name));
        assertEquals(L4.l4Myself(), L4.namesWaitforName(name, 0));
        assertTrue(L4.namesUnregister(name));
        assertEquals(L4.L4_NIL_ID, L4.namesWaitforName(name, 0));
        long since = System.nanoTime();
        assertEquals(L4.L4_NIL_ID, L4.namesWaitforName(name, 30));
        assertTrue(System.nanoTime() - since >= 30_000_000);
    }

    @Test
    void theEasyWay() throws Exception {
        assertEquals(Optional.empty(), Names.find(name));
        assertThrows(DeadlineException.class, () -> Names.await(name, Duration.ofMillis(5)));
        assertThrows(DeadlineException.class, () -> Names.await(name, Duration.ofMillis(-5)));
        assertEquals(Errno.ENOENT, errnoOf(() -> Names.unregister(name)));
        CountDownLatch end = new CountDownLatch(1);
        Partner waiter = Partner.start(() -> Ipc.call(Names.await(name, Duration.ofDays(100)), new Message()));
        Partner virtual = Partner.virtual(() -> Ipc.call(Names.await(name, Duration.ofSeconds(Long.MAX_VALUE)), new Message()));
        Partner owner = Partner.start(() -> {
            Names.register(name);
            Message message = new Message();
            Ipc.replyAndWait(message);
            Ipc.replyAndWait(message);
            Ipc.reply(message);
            end.await();
        });
        waiter.endWell();
        virtual.endWell();
        assertEquals(owner.id(), Names.find(name).orElseThrow());
        assertEquals(Errno.EEXIST, errnoOf(() -> Names.register(name)));
        end.countDown();
        owner.endWell();
        Observe.until(() -> Names.find(name).isEmpty());
        Names.register(name);
        Names.unregister(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a/b", "a\0b",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x"})
    void namesThatAreNotAllowed(String bad) {
        assertEquals(Errno.EINVAL, errnoOf(() -> Names.register(bad)));
        assertFalse(L4.namesRegister(bad));
        assertFalse(L4.namesUnregister(bad));
        assertEquals(L4.L4_NIL_ID, L4.namesQueryName(bad));
        assertEquals(L4.L4_NIL_ID, L4.namesWaitforName(bad, 0));
        assertEquals(Optional.empty(), Names.find(bad));
    }
}
