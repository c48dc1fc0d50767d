package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.qnx.Channel;
import org.tetrapylon.qnx.ClientInfo;
import org.tetrapylon.qnx.Message;
import org.tetrapylon.qnx.Pulse;
import org.tetrapylon.support.PeerProcess;

/**
 * A server in Java and processes of another user, in C and in Java. Only root can become somebody else: run by another user
 * these tests show the refusal by the channel that admits its own process only.
 */
class UserTest {

    private static final int NOBODY = 65_534;
    private static final boolean ROOT = isRoot();
    private static final Path PROGRAM = PeerProcess.program("qnx_safety_peer");

    private static boolean isRoot() {
        try {
            return (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** What is to be run, where everybody can read it. */
    private static Path copies() throws IOException {
        Path copies = Files.createTempDirectory("tetrapylon-safety", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        Files.setPosixFilePermissions(copies, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path classes = Path.of(System.getProperty("tetrapylon.classes"));
        copy(classes, copies.resolve("classes"), "");
        copy(classes.resolveSibling("test-classes"), copies.resolve("test-classes"), "org/tetrapylon/safety");
        Path library = Path.of(System.getProperty("tetrapylon.library"));
        copy(library, copies.resolve("libtetrapylon.so"), "");
        copy(library, copies.resolve("libtetrapylon.so.0"), "");
        copy(PROGRAM, copies.resolve("qnx_safety_peer"), "");
        return copies;
    }

    private static void copy(Path from, Path to, String below) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                String relative = from.relativize(file).toString();
                if (!Files.isDirectory(file) && !relative.startsWith(below)) {
                    continue;
                }
                Path copy = relative.isEmpty() ? to : to.resolve(relative);
                if (Files.isDirectory(file)) {
                    Files.createDirectories(copy);
                } else {
                    Files.copy(file, copy);
                }
                Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
        }
    }

    private static void delete(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) {
                Files.delete(file);
            }
        }
    }

    private static PeerProcess ask(String language, Path copies, String name, int chid) throws IOException {
        Object[] arguments = {name, ProcessHandle.current().pid(), chid};
        if (!ROOT) {
            return PeerProcess.c("qnx_safety_peer", "ask", name, arguments[1], chid);
        }
        return language.equals("c") ? nobody(copies.resolve("qnx_safety_peer"), "ask", name, arguments[1], chid) : javaAsNobody(copies, arguments);
    }

    /** Starts safety_peer as the user nobody; program: a copy that this user can read, with the library beside it. */
    private static PeerProcess nobody(Path program, Object... arguments) throws IOException {
        return PeerProcess.withLibraryIn(program.getParent(), List.of(PROGRAM.toString(), "nobody", program.toString()), arguments);
    }

    /** Starts the Java program as the user nobody, from copies that this user can read. */
    private static PeerProcess javaAsNobody(Path copies, Object... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(copies.resolve("qnx_safety_peer").toString(), "nobody"));
        command.addAll(PeerProcess.javaCommand(copies.resolve("classes"), copies.resolve("test-classes"), copies.resolve("libtetrapylon.so"),
                AskingUser.class.getName()));
        return PeerProcess.withLibraryIn(copies, command, arguments);
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void anotherUserIsRefused(String language) throws Exception {
        String name = PeerProcess.freshName();
        Path copies = copies();
        try (Channel channel = Channel.attach(name)) {
            if (!ROOT) {
                channel.admit(Channel.Admit.PROCESS);
            }
            try (PeerProcess peer = ask(language, copies, name, channel.chid())) {
                assertEquals("open " + Errno.EPERM, peer.expect("open"));
                assertEquals("attach " + Errno.EPERM, peer.expect("attach"));
                peer.endWell();
            }
        } finally {
            delete(copies);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"c", "java"})
    void anotherUserIsServedWhereItIsAdmittedAndKnownAsItIs(String language) throws Exception {
        String name = PeerProcess.freshName();
        Path copies = copies();
        AtomicReference<ClientInfo> seen = new AtomicReference<>();
        try (Channel channel = Channel.attach(name)) {
            channel.admit(Channel.Admit.ALL);
            Thread.ofPlatform().daemon().start(() -> {
                Message message = new Message(64);
                try {
                    while (true) {
                        switch (channel.receive(message)) {
                            case Message it -> {
                                ClientInfo client = channel.client(it.info().scoid());
                                assertEquals(client.pid(), it.info().pid());
                                seen.set(client);
                                it.reply(it.length(), it.payload());
                            }
                            case Pulse pulse -> channel.handle(pulse);
                        }
                    }
                } catch (TetrapylonException e) {
                    assertEquals(Errno.ESRCH, e.errno());
                }
            });
            try (PeerProcess peer = ask(language, copies, name, channel.chid())) {
                assertEquals("open 0", peer.expect("open"));
                assertEquals("attach 0", peer.expect("attach"));
                assertEquals("sent 8", peer.expect("sent"));
                // Who may not signal us may not put pulses into our queue either.
                assertEquals("pulse " + (ROOT ? Errno.EPERM : 0), peer.expect("pulse"));
                peer.endWell();
                assertEquals(peer.pid(), seen.get().pid());
            }
            int uid = ROOT ? NOBODY : (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
            assertEquals(uid, seen.get().euid());
            assertEquals(uid, seen.get().ruid());
            assertEquals(uid, seen.get().suid());
            if (ROOT) {
                assertEquals(NOBODY, seen.get().egid());
                assertEquals(0, seen.get().ngroups());
            }
        } finally {
            delete(copies);
        }
    }

    @Test
    void theLauncherSaysWhenItMayNot() throws Exception {
        try (PeerProcess peer = nobody(PROGRAM, "ask", "nobody-has-this-name", 1, 1)) {
            int code = peer.end();
            assertTrue(ROOT ? code != 77 : code == 77, () -> "exit code " + code);
        }
    }
}
