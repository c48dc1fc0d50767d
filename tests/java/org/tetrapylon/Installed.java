package org.tetrapylon;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.tetrapylon.support.Finished;

/** The tree that {@code scripts/install} makes, as a user has it. */
final class Installed {

    static final Duration LIMIT = Duration.ofSeconds(60);

    private final Path tree;

    private Installed(Path tree) {
        this.tree = tree;
    }

    /** Installs into a folder below this one. */
    static Installed in(Path directory) throws Exception {
        Path tree = directory.resolve("installed");
        run("scripts/install", tree.toString());
        return new Installed(tree);
    }

    Path tree() {
        return tree;
    }

    String jar() {
        return tree.resolve("share/java/tetrapylon.jar").toString();
    }

    /** {@return a tool of the JDK that runs the tests} */
    static String jdkTool(String name) {
        return Path.of(System.getProperty("java.home"), "bin", name).toString();
    }

    static String compiler() {
        return System.getProperty("tetrapylon.compiler");
    }

    /** Runs a command that must succeed. {@return its trimmed output} */
    static String run(String... command) throws Exception {
        Finished finished = Finished.of(LIMIT, List.of(command));
        assertEquals(0, finished.exitCode(), () -> String.join(" ", command) + "\n" + finished.output());
        return finished.output().trim();
    }
}
