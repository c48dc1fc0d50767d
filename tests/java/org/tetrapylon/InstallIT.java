package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tetrapylon.support.Finished;

/**
 * What a user gets: {@code scripts/install} makes a tree from which a C program is built with pkg-config and a Java
 * program runs with the jar alone, also where the library cannot be loaded from the temporary directory.
 */
class InstallIT {

    private static final String C_PROGRAM = """
            #include <stdio.h>
            #include <tetrapylon.h>
            int main(void)
            {
                puts(tpy_version());
                return 0;
            }
            """;

    private static final String JAVA_PROGRAM = """
            import java.lang.foreign.*;
            void main() throws Throwable {
                org.tetrapylon.internal.NativeLibrary.load();
                var version = Linker.nativeLinker().downcallHandle(
                    org.tetrapylon.internal.NativeLibrary.symbols().findOrThrow("tpy_version"),
                    FunctionDescriptor.of(ValueLayout.ADDRESS));
                IO.println(((MemorySegment) version.invoke()).reinterpret(64).getString(0));
            }
            """;

    private static final List<String> MODULE_OPTIONS = List.of("--add-modules", "org.tetrapylon", "--add-exports",
            "org.tetrapylon/org.tetrapylon.internal=ALL-UNNAMED");

    @TempDir
    static Path directory;

    private static Installed installed;

    @BeforeAll
    static void install() throws Exception {
        installed = Installed.in(directory);
        Path source = Files.writeString(directory.resolve("Program.java"), JAVA_PROGRAM);
        List<String> compile = new ArrayList<>(List.of(Installed.jdkTool("javac"), "-d", directory.toString()));
        compile.addAll(MODULE_OPTIONS);
        compile.addAll(List.of("--module-path", installed.jar(), source.toString()));
        Installed.run(compile.toArray(String[]::new));
    }

    @Test
    void cProgramBuildsWithPkgConfig() throws Exception {
        assumeTrue(Finished.of(Installed.LIMIT, List.of("sh", "-c", "command -v pkg-config")).exitCode() == 0,
                "pkg-config is not installed");
        Path source = Files.writeString(directory.resolve("program.c"), C_PROGRAM);
        Path program = directory.resolve("program");
        String compile = Installed.compiler() + " -Wall -Wextra -Werror -o " + program + " " + source
                + " $(PKG_CONFIG_PATH=" + installed.tree() + "/lib/pkgconfig pkg-config --cflags --libs tetrapylon)";
        Installed.run("sh", "-c", compile);
        assertEquals(installedVersion(), Installed.run("env", "LD_LIBRARY_PATH=" + installed.tree() + "/lib", program.toString()));
    }

    @Test
    void javaProgramRunsWithTheJarAlone() throws Exception {
        assertEquals(installedVersion(), runJava());
    }

    @Test
    void javaProgramRunsWithAChosenLibrary() throws Exception {
        assertEquals(installedVersion(), runJava("-Dtetrapylon.library=" + installed.tree() + "/lib/libtetrapylon.so"));
    }

    @Test
    void memoryTakesThePlaceOfAMissingDirectory() throws Exception {
        assertEquals(installedVersion(), runJava("-Dtetrapylon.tmpdir=" + directory.resolve("missing")));
    }

    @Test
    void memoryTakesThePlaceOfADirectoryWithoutPrograms() throws Exception {
        Path mount = Files.createDirectory(directory.resolve("noexec"));
        String[] inNamespace = {"unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
            "mount -t tmpfs -o noexec tmpfs \"$0\" && exec \"$@\"", mount.toString()};
        assumeTrue(Finished.of(Installed.LIMIT, concat(inNamespace, "true")).exitCode() == 0,
                "this machine does not let a test mount a directory");
        assertEquals(installedVersion(),
                Installed.run(concat(inNamespace, javaCommand("-Dtetrapylon.tmpdir=" + mount)).toArray(String[]::new)));
    }

    @Test
    void nothingIsLeftInTheTemporaryDirectory() throws Exception {
        Path temporary = Files.createDirectory(directory.resolve("temporary"));
        runJava("-Dtetrapylon.tmpdir=" + temporary);
        try (var files = Files.list(temporary)) {
            assertEquals(List.of(), files.toList());
        }
    }

    @Test
    void everyPublicHeaderCompilesAlone() throws Exception {
        List<String> headers;
        Path include = installed.tree().resolve("include");
        try (var files = Files.walk(include)) {
            headers = files.filter(file -> file.toString().endsWith(".h")).map(include::relativize).map(Path::toString)
                    .sorted().toList();
        }
        assertTrue(headers.contains("tetrapylon.h"), headers.toString());
        for (String header : headers) {
            Path source = Files.writeString(directory.resolve("header.c"), "#include <" + header + ">\n");
            Installed.run(Installed.compiler(), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                    "-I" + include, source.toString());
        }
    }

    private static String installedVersion() throws Exception {
        return Files.readAllLines(installed.tree().resolve("lib/pkgconfig/tetrapylon.pc")).stream()
                .filter(line -> line.startsWith("Version: "))
                .map(line -> line.substring("Version: ".length()))
                .findFirst().orElseThrow();
    }

    private static String runJava(String... options) throws Exception {
        return Installed.run(javaCommand(options));
    }

    private static String[] javaCommand(String... options) {
        List<String> command = new ArrayList<>(List.of(Installed.jdkTool("java"), "--module-path", installed.jar(), "--class-path",
                directory.toString(), "--enable-native-access=org.tetrapylon,ALL-UNNAMED"));
        command.addAll(MODULE_OPTIONS);
        command.addAll(Arrays.asList(options));
        command.add("Program");
        return command.toArray(String[]::new);
    }

    private static List<String> concat(String[] first, String... second) {
        List<String> all = new ArrayList<>(Arrays.asList(first));
        all.addAll(Arrays.asList(second));
        return all;
    }
}
