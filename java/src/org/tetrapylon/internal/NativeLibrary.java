package org.tetrapylon.internal;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Finds libtetrapylon.so and loads it once, before the generated bindings look up their symbols.
 *
 * <p>In this order: the file named by the system property {@value #LIBRARY_PROPERTY}; else the library inside the jar,
 * {@code META-INF/native/linux-ARCH/libtetrapylon.so}, copied to a fresh file that is removed as soon as it is loaded.
 * The fresh file lies in the directory named by {@value #DIRECTORY_PROPERTY}, else in {@code java.io.tmpdir}; where that
 * directory does not allow programs (noexec) or cannot be written, an anonymous file in memory takes its place.
 *
 * <p>Thread-safe: the class initializer does the work.
 */
public final class NativeLibrary {

    /** Names the library's file, and so replaces the one in the jar. */
    static final String LIBRARY_PROPERTY = "tetrapylon.library";
    /** Names the directory into which the library is copied. */
    static final String DIRECTORY_PROPERTY = "tetrapylon.tmpdir";

    private static final String FILE_NAME = "libtetrapylon.so";

    static {
        loadOnce();
    }

    private NativeLibrary() {}

    /**
     * Makes sure that the library is loaded; does nothing when it is.
     *
     * @throws UnsatisfiedLinkError if it cannot be loaded, with a sentence that says what to do
     */
    public static void load() {
        // The class initializer has done it.
    }

    /** {@return a lookup of the library's exported functions} */
    public static SymbolLookup symbols() {
        return SymbolLookup.loaderLookup();
    }

    private static void loadOnce() {
        String chosen = System.getProperty(LIBRARY_PROPERTY);
        if (chosen != null) {
            System.load(Path.of(chosen).toAbsolutePath().toString());
            return;
        }
        String resource = "/META-INF/native/" + platform(System.getProperty("os.name"), System.getProperty("os.arch"))
                + "/" + FILE_NAME;
        try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw new UnsatisfiedLinkError("This jar holds no " + resource
                        + "; build Tetrapylon on this machine with \"mvn verify\" and use that jar, or name the library"
                        + " with -D" + LIBRARY_PROPERTY + "=FILE.");
            }
            loadCopy(library.readAllBytes());
        } catch (IOException e) {
            throw linkError("The native library cannot be read from the jar", e);
        }
    }

    /** {@return the name of the directory that holds the library for this system} */
    static String platform(String system, String architecture) {
        String known = switch (architecture) {
            case "amd64", "x86_64" -> "linux-x86_64";
            case "aarch64" -> "linux-aarch64";
            default -> null;
        };
        if (known == null || !system.equals("Linux")) {
            throw new UnsatisfiedLinkError("Tetrapylon does not support " + system + " on " + architecture
                    + "; use a Linux machine with x86_64 or aarch64.");
        }
        return known;
    }

    private static void loadCopy(byte[] library) {
        String directory = System.getProperty(DIRECTORY_PROPERTY, System.getProperty("java.io.tmpdir"));
        try {
            loadFromFile(Path.of(directory), library);
        } catch (IOException | UnsatisfiedLinkError refused) {
            try {
                loadFromMemory(library);
            } catch (IOException | UnsatisfiedLinkError e) {
                e.addSuppressed(refused);
                throw linkError("The native library can be loaded neither from " + directory
                        + " nor from memory; name a directory that allows programs with -D" + DIRECTORY_PROPERTY
                        + "=DIRECTORY", e);
            }
        }
    }

    private static void loadFromFile(Path directory, byte[] library) throws IOException {
        Path copy = Files.createTempFile(directory, "libtetrapylon", ".so");
        try {
            Files.write(copy, library);
            System.load(copy.toAbsolutePath().toString());
        } finally {
            Files.delete(copy);
        }
    }

    private static void loadFromMemory(byte[] library) throws IOException {
        int fd = createMemoryFile();
        Path file = Path.of("/proc/self/fd/" + fd);
        try {
            try (OutputStream out = Files.newOutputStream(file)) {
                out.write(library);
            }
            System.load(file.toString());
        } finally {
            closeMemoryFile(fd);
        }
    }

    private static int createMemoryFile() throws IOException {
        final int closeOnExec = 1;
        try (Arena arena = Arena.ofConfined()) {
            int fd = (int) libc("memfd_create",
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT))
                    .invokeExact(arena.allocateFrom(FILE_NAME), closeOnExec);
            if (fd < 0) {
                throw new IOException("memfd_create failed");
            }
            return fd;
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("a downcall threw", e);
        }
    }

    private static void closeMemoryFile(int fd) {
        try {
            int ignored = (int) libc("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT))
                    .invokeExact(fd);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("a downcall threw", e);
        }
    }

    private static java.lang.invoke.MethodHandle libc(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }

    private static UnsatisfiedLinkError linkError(String message, Throwable cause) {
        UnsatisfiedLinkError error = new UnsatisfiedLinkError(message + ": " + cause.getMessage());
        error.initCause(cause);
        return error;
    }
}
