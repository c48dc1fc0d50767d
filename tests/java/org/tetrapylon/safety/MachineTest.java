package org.tetrapylon.safety;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is missing on a machine is said in one sentence, which also says what to do: scripts/lib/check-machine on machines that lack something. */
class MachineTest {

    private static final Path SCRIPT = Path.of("scripts/lib/check-machine").toAbsolutePath();
    /** What the script itself needs. */
    private static final List<String> TOOLS = List.of("sh", "dirname", "readlink", "sed", "uname", "gcc", "mvn");

    @TempDir
    private Path machine;

    @BeforeEach
    void furnish() throws IOException {
        for (String tool : TOOLS) {
            program(tool, tool.equals("gcc") || tool.equals("mvn") ? "exit 0" : "exec " + where(tool) + " \"$@\"");
        }
        // A toolchains file is the user's own word on where the JDK is.
        Files.createDirectory(machine.resolve("home"));
    }

    private static String where(String tool) {
        return List.of("/bin/", "/usr/bin/").stream().map(folder -> folder + tool).filter(file -> Files.exists(Path.of(file))).findFirst().orElseThrow();
    }

    private void program(String name, String body) throws IOException {
        Path file = machine.resolve(name);
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** {@return the one line it says} */
    private String complaint(String compiler) throws Exception {
        return complaint("/bin/sh", SCRIPT.toString(), compiler);
    }

    private String complaint(String... command) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        Map<String, String> environment = builder.environment();
        environment.clear();
        environment.put("PATH", machine.toString());
        environment.put("HOME", machine.resolve("home").toString());
        Process process = builder.start();
        List<String> lines = process.inputReader().lines().toList();
        assertNotEquals(0, process.waitFor(), lines::toString);
        assertEquals(1, lines.size(), lines::toString);
        return lines.getFirst();
    }

    @Test
    void aCompilerThatIsMissing() throws Exception {
        String line = complaint("no-such-compiler");
        assertTrue(line.contains("C compiler") && line.contains("install"), line);
    }

    @Test
    void anArchitectureThatIsNotSupported() throws Exception {
        program("uname", "if [ \"$1\" = -m ]; then echo riscv64; else echo Linux; fi");
        String line = complaint("gcc");
        assertTrue(line.contains("riscv64") && line.contains("x86_64 or aarch64"), line);
    }

    @Test
    void anotherSystem() throws Exception {
        program("uname", "if [ \"$1\" = -m ]; then echo x86_64; else echo Plan9; fi");
        String line = complaint("gcc");
        assertTrue(line.contains("Plan9") && line.contains("use a Linux machine"), line);
    }

    /** {@return the script in a tree of its own} */
    private Path cloned(String folder) throws IOException {
        Path scripts = Files.createDirectories(machine.resolve(folder).resolve("scripts/lib"));
        for (String name : List.of("check-machine", "machine.sh")) {
            Files.copy(SCRIPT.resolveSibling(name), scripts.resolve(name));
        }
        return scripts.resolve("check-machine");
    }

    @Test
    void aFolderWhoseNameCannotBeUsed() throws Exception {
        for (String name : List.of("a clone", "a,clone", "a:clone")) {
            String line = complaint("/bin/sh", cloned(name).toString());
            assertTrue(line.contains(name + "\"") && line.contains("clone Tetrapylon into one without"), line);
        }
    }

    @Test
    void aFolderThatCannotBeWritten() throws Exception {
        Path script = cloned("clone");
        Path target = Files.createDirectory(machine.resolve("clone/target"));
        Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("r-xr-xr-x"));
        Files.setPosixFilePermissions(machine, PosixFilePermissions.fromString("rwxr-xr-x"));
        // Root may write everywhere.
        String line = Files.getOwner(target).getName().equals("root")
                ? complaint(where("setpriv"), "--reuid=65534", "--clear-groups", "/bin/sh", script.toString())
                : complaint("/bin/sh", script.toString());
        assertTrue(line.contains("cannot write to " + target) && line.contains("a clone of your own"), line);
    }

    @Test
    void mavenThatIsMissing() throws Exception {
        Files.delete(machine.resolve("mvn"));
        String line = complaint("gcc");
        assertTrue(line.contains("Maven") && line.contains("install"), line);
    }

    @Test
    void aJdkThatIsTooOld() throws Exception {
        program("sed", "echo 17"); // whatever release the installed ones are
        String line = complaint("gcc");
        assertTrue(line.contains("no JDK 25 found") && line.contains("install one"), line);
    }
}
