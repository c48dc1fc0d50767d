package org.tetrapylon.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Checks the models in {@code tests/model} with TLC, each run in a process of its own with a time limit. A second test puts one mistake
 * into a model at a time (its constant {@code Bug}) and demands that TLC finds what that breaks, so that the models are known to be
 * able to fail. Two runs go on at a time: each waits in its own test.
 */
@Timeout(300)
class ModelTest {

    private static final Path SOURCES = Path.of(System.getProperty("basedir", ""), "tests", "model");
    private static final List<String> MODULES = List.of("Exchange", "Sleep", "Hostile", "Holding", "Waiting", "Stages", "Pages", "HostileHold");
    private static final Duration LIMIT = Duration.ofSeconds(300);
    private static final int FOUND_NOTHING = 0;
    private static final Pattern STATES = Pattern.compile("(\\d+) states generated, (\\d+) distinct states found, 0 states left on queue");

    private static final String EXCHANGE = "Exchange";
    private static final String SLEEP = "Sleep";
    private static final String HOSTILE = "Hostile";
    private static final String HOLDING = "Holding";
    private static final String WAITING = "Waiting";
    private static final String STAGES = "Stages";
    private static final String PAGES = "Pages";
    private static final String HOSTILE_HOLD = "HostileHold";

    @TempDir
    static Path directory;

    private static ExecutorService runs;

    @BeforeAll
    static void translate() throws Exception {
        runs = Executors.newFixedThreadPool(Math.clamp(Runtime.getRuntime().availableProcessors(), 1, 2));
        for (String module : MODULES) {
            Files.copy(SOURCES.resolve(module + ".tla"), directory.resolve(module + ".tla"));
            Output output = run(directory, "pcal.trans", "-nocfg", module + ".tla");
            assertTrue(output.text.contains("Translation completed."), output.text);
        }
    }

    @AfterAll
    static void stop() {
        runs.shutdownNow();
    }

    /** One run of TLC: a module, a configuration beside it, the mistake to make, constants that differ, and what must be found. */
    record Check(String module, String configuration, String bug, String finding, List<String> constants) {

        static Check of(String module, String configuration) {
            return new Check(module, configuration, "none", "No error has been found", List.of());
        }

        static Check broken(String module, String configuration, String bug, String finding, String... constants) {
            return new Check(module, configuration, bug, finding, List.of(constants));
        }

        String name() {
            return bug.equals("none") ? configuration : configuration + " with the bug \"" + bug + "\"";
        }
    }

    record Output(int exit, String text) {
    }

    /** A check that has been started. */
    record Started(Check check, Future<Output> output) {

        @Override
        public String toString() {
            return check.name();
        }
    }

    static Stream<Started> models() {
        return start(List.of(
            Check.of(SLEEP, "Sleep"),
            Check.of(SLEEP, "SleepDeadline"),
            Check.of(EXCHANGE, "ExchangeTurns"),
            Check.of(HOSTILE, "Hostile"),
            Check.of(SLEEP, "SleepApart"),
            Check.of(EXCHANGE, "Exchange"),
            Check.of(HOLDING, "Holding"),
            Check.of(HOLDING, "HoldingStaged"),
            Check.of(SLEEP, "SleepOneWay"),
            Check.of(HOLDING, "HoldingTwo"),
            Check.of(WAITING, "Waiting"),
            Check.of(SLEEP, "SleepFilter"),
            Check.of(SLEEP, "SleepMoves"),
            Check.of(SLEEP, "SleepOverlap"),
            Check.of(SLEEP, "SleepGroups"),
            Check.of(EXCHANGE, "ExchangeDeath"),
            Check.of(HOLDING, "HoldingDeath"),
            Check.of(HOLDING, "HoldingRefuse"),
            Check.of(SLEEP, "SleepCancel"),
            Check.of(HOSTILE_HOLD, "HostileHold"),
            Check.of(STAGES, "Stages"),
            Check.of(PAGES, "Pages")));
    }

    static Stream<Started> brokenModels() {
        String liveness = "Temporal properties were violated";
        String lostMessage = "Invariant NoLostMessage is violated";
        String lostAnswer = "Invariant NoLostAnswer is violated";
        String lostClient = "Invariant NoLostClient is violated";
        String lostHolder = "Invariant NoLostHolder is violated";
        String notKept = "Invariant Kept is violated";
        String notAgreed = "Invariant Agreed is violated";
        String falseTimeout = "Invariant NoFalseTimeout is violated";
        String notTheSame = "Invariant SameEnd is violated";
        return start(List.of(
            Check.broken(SLEEP, "SleepDeadline", "busy", lostMessage),
            Check.broken(HOSTILE, "Hostile", "stamp", "Invariant Fair is violated", "Tries = 0"),
            Check.broken(EXCHANGE, "Exchange", "tentative", "Invariant Whole is violated"),
            Check.broken(EXCHANGE, "Exchange", "stale", "Invariant Whole is violated"),
            Check.broken(EXCHANGE, "Exchange", "torn", "Invariant Whole is violated"),
            Check.broken(EXCHANGE, "Exchange", "putback", liveness, "Last = 2"),
            Check.broken(EXCHANGE, "Exchange", "fence", "Invariant AcceptOnce is violated"),
            Check.broken(EXCHANGE, "Exchange", "order", "Invariant AcceptOnce is violated"),
            Check.broken(EXCHANGE, "Exchange", "finish", "Invariant OneEnd is violated"),
            Check.broken(EXCHANGE, "Exchange", "handle", "Invariant OwnHandle is violated", "Last = 2"),
            Check.broken(EXCHANGE, "ExchangeDeath", "rebind", "Invariant OwnHandle is violated", "Last = 1"),
            Check.broken(SLEEP, "SleepOneWay", "later", lostMessage, "Returns = 0"),
            Check.broken(SLEEP, "SleepOneWay", "now", lostMessage, "Returns = 0", "Clients = {cold}", "OneWay = {cold}"),
            Check.broken(SLEEP, "SleepOneWay", "sleepbit", lostMessage, "Returns = 0", "Clients = {hot}", "OneWay = {hot}", "Cold = {}"),
            Check.broken(SLEEP, "SleepOneWay", "stale", lostMessage, "Returns = 0"),
            Check.broken(SLEEP, "SleepOneWay", "handover", lostMessage, "Returns = 0"),
            Check.broken(SLEEP, "SleepOneWay", "scanner", lostMessage, "Returns = 0"),
            Check.broken(SLEEP, "SleepOneWay", "oneway", lostMessage, "Returns = 0"),
            Check.broken(SLEEP, "SleepOneWay", "clear", lostMessage, "Returns = 0", "Clients = {cold}", "OneWay = {cold}"),
            Check.broken(SLEEP, "SleepDeadline", "deadline", lostMessage, "Returns = 0", "Last = 1"),
            Check.broken(SLEEP, "SleepDeadline", "watcher", lostMessage, "Deadlines = 0", "Receivers = {r1, r2}"),
            Check.broken(SLEEP, "SleepGroups", "others", lostMessage),
            Check.broken(SLEEP, "SleepMoves", "told", lostMessage, "Returns = 0"),
            Check.broken(SLEEP, "SleepMoves", "bell", lostMessage, "Returns = 0", "Moves = 0"),
            Check.broken(SLEEP, "SleepOverlap", "passed", lostMessage, "Favourites = {}", "Clients = {hot}", "OneWay = {hot}", "Cold = {}", "AtTwo = {}"),
            Check.broken(SLEEP, "SleepCancel", "private", lostAnswer),
            Check.broken(SLEEP, "SleepCancel", "finish", lostAnswer),
            Check.broken(HOSTILE, "Hostile", "endless", liveness, "Numbers = {0, 1}"),
            Check.broken(HOSTILE, "Hostile", "twice", "Invariant RecordOk is violated"),
            Check.broken(HOSTILE, "Hostile", "trust", "Invariant RecordOk is violated"),
            Check.broken(HOSTILE, "Hostile", "wait", liveness, "Numbers = {0, 1}"),
            Check.broken(HOLDING, "Holding", "older", lostClient),
            Check.broken(HOLDING, "Holding", "crossing", lostClient),
            Check.broken(HOLDING, "HoldingStaged", "asking", lostClient),
            Check.broken(HOLDING, "Holding", "dropped", notKept, "Leaves = FALSE", "Pauses = 0"),
            Check.broken(HOLDING, "HoldingStaged", "ambiguous", notKept, "Leaves = FALSE", "Pauses = 0"),
            Check.broken(HOLDING, "Holding", "hangup", "Invariant Exact is violated", "Leaves = FALSE", "Pauses = 0"),
            Check.broken(HOLDING, "HoldingTwo", "anyone", notKept, "Size = 1"),
            Check.broken(HOLDING, "Holding", "idle", notKept, "Leaves = FALSE", "Pauses = 0"),
            Check.broken(HOLDING, "Holding", "unseen", lostClient),
            Check.broken(HOLDING, "Holding", "queued", lostClient),
            Check.broken(HOLDING, "Holding", "finish", lostClient),
            Check.broken(HOLDING, "Holding", "wake", lostClient),
            Check.broken(HOLDING, "Holding", "untold", lostHolder, "Leaves = FALSE", "Pauses = 0"),
            Check.broken(HOLDING, "HoldingDeath", "silent", lostHolder),
            Check.broken(HOLDING, "HoldingRefuse", "refuse", notAgreed),
            Check.broken(HOLDING, "HoldingRefuse", "stays", "Invariant TurnedAway is violated"),
            Check.broken(HOLDING, "HoldingRefuse", "again", "Invariant TurnedAway is violated"),
            Check.broken(HOLDING, "HoldingRefuse", "counted", lostClient),
            Check.broken(HOLDING, "HoldingStaged", "stranger", lostClient),
            Check.broken(HOLDING, "Holding", "open", notAgreed, "Last = 2"),
            Check.broken(HOLDING, "Holding", "behind", notAgreed, "Leaves = FALSE", "Pauses = 0", "Size = 2"),
            Check.broken(HOLDING, "Holding", "early", notAgreed, "Commits = TRUE"),
            Check.broken(WAITING, "Waiting", "early", liveness, "Signals = 0"),
            Check.broken(WAITING, "Waiting", "never", liveness, "Signals = 0"),
            Check.broken(WAITING, "Waiting", "once", liveness, "Signals = 0"),
            Check.broken(WAITING, "Waiting", "after", falseTimeout),
            Check.broken(WAITING, "Waiting", "long", falseTimeout),
            Check.broken(WAITING, "Waiting", "signal", falseTimeout),
            Check.broken(WAITING, "Waiting", "before", falseTimeout),
            Check.broken(WAITING, "Waiting", "blind", "Invariant OneEnd is violated"),
            Check.broken(STAGES, "Stages", "stored", notTheSame),
            Check.broken(STAGES, "Stages", "accepted", "Invariant InTime is violated"),
            Check.broken(STAGES, "Stages", "nudge", "Invariant Clocked is violated"),
            Check.broken(STAGES, "Stages", "unasked", "Invariant Clocked is violated"),
            Check.broken(PAGES, "Pages", "noask", liveness),
            Check.broken(PAGES, "Pages", "leave", liveness),
            Check.broken(PAGES, "Pages", "silent", liveness),
            Check.broken(PAGES, "Pages", "norelease", liveness),
            Check.broken(PAGES, "Pages", "late", liveness),
            Check.broken(HOSTILE_HOLD, "HostileHold", "commit", liveness),
            Check.broken(HOSTILE_HOLD, "HostileHold", "release", liveness),
            Check.broken(HOSTILE_HOLD, "HostileHold", "mark", "Invariant RecordOk is violated"),
            Check.broken(HOSTILE_HOLD, "HostileHold", "holder", "Invariant RecordOk is violated"),
            Check.broken(HOSTILE_HOLD, "HostileHold", "twice", "Invariant RecordOk is violated")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void models(Started started) throws Exception {
        Output output = started.output.get();
        assertEquals(FOUND_NOTHING, output.exit, output.text);
        assertTrue(output.text.contains(started.check.finding), output.text);
        Matcher states = STATES.matcher(output.text);
        assertTrue(states.find(), output.text);
        System.out.println("model " + started.check.name() + ": no error in " + states.group(2) + " states, " + states.group(1) + " steps");
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void brokenModels(Started started) throws Exception {
        Output output = started.output.get();
        assertTrue(output.exit != FOUND_NOTHING && output.text.contains(started.check.finding), output.text);
    }

    private static Stream<Started> start(List<Check> checks) {
        return checks.stream().map(check -> new Started(check, runs.submit(() -> check(check)))).toList().stream();
    }

    private static Output check(Check check) throws Exception {
        Path own = Files.createTempDirectory(directory, check.configuration);
        Files.copy(directory.resolve(check.module + ".tla"), own.resolve(check.module + ".tla"));
        String configuration = Files.readString(SOURCES.resolve(check.configuration + ".cfg"));
        configuration = replace(configuration, "Bug = \"" + check.bug + "\"");
        for (String constant : check.constants) configuration = replace(configuration, constant);
        Files.writeString(own.resolve(check.module + ".cfg"), configuration);
        return run(own, "tlc2.TLC", "-workers", "1", "-lncheck", "final", "-metadir", own.resolve("states").toString(), check.module + ".tla");
    }

    /** Gives a constant of the configuration another value. */
    private static String replace(String configuration, String assignment) {
        String name = assignment.substring(0, assignment.indexOf(" = "));
        Matcher line = Pattern.compile("^  " + name + " = .*$", Pattern.MULTILINE).matcher(configuration);
        assertTrue(line.find(), () -> "no constant " + name + " in " + configuration);
        return line.replaceFirst(Matcher.quoteReplacement("  " + assignment));
    }

    private static Output run(Path where, String main, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms600m", "-Xmn400m", "-Xmx1g",
            "-Djava.io.tmpdir=" + where, /* it unpacks its standard modules there */
            "-cp", checker().toString(), main));
        command.addAll(List.of(arguments));
        Path log = Files.createTempFile(where, "output", ".txt");
        Process process = new ProcessBuilder(command).directory(where.toFile()).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        try {
            if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) throw new AssertionError("not done in " + LIMIT + ":\n" + Files.readString(log));
        } finally {
            process.destroyForcibly();
        }
        return new Output(process.exitValue(), Files.readString(log));
    }

    /** The jar that holds the checker and the translator. */
    private static Path checker() throws IOException, URISyntaxException {
        JarURLConnection connection = (JarURLConnection) ModelTest.class.getClassLoader().getResource("tlc2/TLC.class").openConnection();
        return Path.of(connection.getJarFileURL().toURI());
    }
}
