package org.tetrapylon.mm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tetrapylon.mm.MmSupport.name;
import static org.tetrapylon.mm.Processes.awaitReady;
import static org.tetrapylon.mm.Processes.javaPeer;
import static org.tetrapylon.mm.Processes.originalPeer;
import static org.tetrapylon.mm.Processes.peer;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A process with the original library and one with ours understand each other, whoever serves. For that the original is needed:
 * {@code -Dtetrapylon.mmlib=FILE} names its {@code libmmlib.so}, and without it these tests are left out. Messages have a byte at least, as the original cannot receive an empty
 * one. What it sends and expects is imitated byte for byte in test_mm_endpoint.c, which runs always.
 */
@Timeout(40)
@Tag("original")
class OriginalTest {

    private static final String LEAST = "1";

    private static Path original() {
        return Path.of(System.getProperty("tetrapylon.mmlib"));
    }

    private static void succeeds(Process client) throws Exception {
        assertTrue(client.waitFor(20, TimeUnit.SECONDS));
        assertEquals(0, client.exitValue());
    }

    @Test
    void itsServerAndOurClient() throws Exception {
        String name = name();
        Process server = originalPeer(original(), "serve", name);
        awaitReady(server);
        succeeds(peer("call", name, LEAST));
        server.destroyForcibly().waitFor();
    }

    @Test
    void itsServerAndAJavaClient() throws Exception {
        String name = name();
        Process server = originalPeer(original(), "serve", name);
        awaitReady(server);
        InteropTest.call(name, 1);
        server.destroyForcibly().waitFor();
    }

    @Test
    void itsClientAndOurServer() throws Exception {
        String name = name();
        Process server = peer("serve", name);
        awaitReady(server);
        succeeds(originalPeer(original(), "call", name, LEAST));
        server.destroyForcibly().waitFor();
    }

    @Test
    void itsClientAndAJavaServer() throws Exception {
        String name = name();
        Process server = javaPeer("serve", name);
        awaitReady(server);
        succeeds(originalPeer(original(), "call", name, LEAST));
        server.destroyForcibly().waitFor();
    }

    /** Where it is known to fail, it does: it is the original indeed. */
    @Test
    void itCannotReceiveAnEmptyMessage() throws Exception {
        String name = name();
        Process server = peer("serve", name);
        awaitReady(server);
        Process client = originalPeer(original(), "call", name, "0");
        assertTrue(client.waitFor(20, TimeUnit.SECONDS));
        assertEquals(1, client.exitValue());
        server.destroyForcibly().waitFor();
    }
}
