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
import org.tetrapylon.support.Soak;

/**
 * Checks the models in {@code tests/model} with TLC, each run in a process of its own with a time limit. A second test puts one mistake
 * into a model at a time (its constant {@code Bug}) and demands that TLC finds what that breaks, so that the models are known to be
 * able to fail. Two runs go on at a time: each waits in its own test.
 *
 * <p>Most of a short run is its process's start. So TLC's classes are archived first, and each run uses the archive.
 */
@Timeout(300)
class ModelTest {

    private static final Path SOURCES = Path.of(System.getProperty("basedir", ""), "tests", "model");
    private static final List<String> MODULES = List.of("Exchange", "Sleep", "Hostile", "Holding", "Waiting", "Stages", "Pages", "HostileHold");
    private static final Duration LIMIT = Duration.ofSeconds(300);
    private static final int FOUND_NOTHING = 0;
    private static final Pattern ALGORITHM = Pattern.compile("^\\(\\* --algorithm.*?^} \\*\\)", Pattern.MULTILINE | Pattern.DOTALL);
    /** Properties of whole runs; RecordMoves is one of single steps. */
    private static final Pattern LIVENESS = Pattern.compile("^PROPERT(Y|IES) (?!RecordMoves$).*$", Pattern.MULTILINE);
    private static final Pattern STATES = Pattern.compile("(\\d+) states generated, (\\d+) distinct states found, 0 states left on queue");

    private static final String EXCHANGE = "Exchange";
    private static final String SLEEP = "Sleep";
    private static final String HOSTILE = "Hostile";
    private static final String HOLDING = "Holding";
    private static final String WAITING = "Waiting";
    private static final String STAGES = "Stages";
    private static final String PAGES = "Pages";
    private static final String ARCHIVED = PAGES; /* the smallest with properties: it loads nearly all that the others do */
    private static final String HOSTILE_HOLD = "HostileHold";

    @TempDir
    static Path directory;

    private static ExecutorService runs;

    @BeforeAll
    static void begin() throws Exception {
        runs = Executors.newFixedThreadPool(Math.clamp(Runtime.getRuntime().availableProcessors(), 1, 2));
        List<Future<?>> translations = new ArrayList<>();
        for (String module : MODULES)
            translations.add(runs.submit(() -> {
                translate(module);
                if (module.equals(ARCHIVED)) archive();
                return null;
            }));
        for (Future<?> translation : translations) translation.get();
    }

    @AfterAll
    static void stop() {
        runs.shutdownNow();
    }

    /**
     * One run of TLC: a module, a configuration beside it, the mistake to make, what must be found, constants that differ, and whether
     * liveness is checked too, which takes several times as long as everything else.
     */
    record Check(String module, String configuration, String bug, String finding, List<String> constants, boolean liveness) {

        static Check of(String module, String configuration, String... constants) {
            return new Check(module, configuration, "none", "No error has been found", List.of(constants), true);
        }

        static Check broken(String module, String configuration, String bug, String finding, String... constants) {
            return new Check(module, configuration, bug, finding, List.of(constants), !finding.startsWith("Invariant "));
        }

        Check withoutLiveness() {
            return new Check(module, configuration, bug, finding, constants, false);
        }

        String name() {
            if (!bug.equals("none")) return configuration + " with the bug \"" + bug + "\"";
            List<String> differences = new ArrayList<>(constants);
            if (!liveness) differences.add("without liveness");
            return configuration + (differences.isEmpty() ? "" : " (" + String.join(", ", differences) + ")");
        }
    }

    /** Smaller runs of a configuration, which are still large enough for all mistakes to show; in a soak the configuration as it stands. */
    private static List<Check> usually(Check... smaller) {
        return Soak.soaks() ? List.of(Check.of(smaller[0].module, smaller[0].configuration)) : List.of(smaller);
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
        return start(Stream.of(
            usually(Check.of(SLEEP, "Sleep", "Returns = 0")),
            usually(Check.of(EXCHANGE, "ExchangeTurns", "Tries = 1"), Check.of(EXCHANGE, "ExchangeTurns").withoutLiveness()),
            usually(Check.of(SLEEP, "SleepDeadline", "Receivers = {r1, r2}")),
            usually(Check.of(HOSTILE, "Hostile", "Numbers = {0, 1}"), Check.of(HOSTILE, "Hostile").withoutLiveness()),
            usually(Check.of(EXCHANGE, "Exchange", "Last = 2"), Check.of(EXCHANGE, "Exchange").withoutLiveness()),
            usually(Check.of(SLEEP, "SleepApart", "Returns = 0")),
            usually(Check.of(SLEEP, "SleepOneWay", "Returns = 0")),
            usually(Check.of(SLEEP, "SleepMoves", "Returns = 0")),
            usually(Check.of(SLEEP, "SleepGroups", "Deadlines = 0")),
            usually(Check.of(EXCHANGE, "ExchangeDeath", "Last = 1")),
            List.of(
                Check.of(HOLDING, "HoldingStaged"),
                Check.of(SLEEP, "SleepOverlap"),
                Check.of(HOLDING, "Holding"),
                Check.of(WAITING, "Waiting"),
                Check.of(SLEEP, "SleepFilter"),
                Check.of(HOLDING, "HoldingTwo"),
                Check.of(HOLDING, "HoldingDeath"),
                Check.of(HOLDING, "HoldingRefuse"),
                Check.of(SLEEP, "SleepCancel"),
                Check.of(HOSTILE_HOLD, "HostileHold"),
                Check.of(STAGES, "Stages"),
                Check.of(PAGES, "Pages"))).flatMap(List::stream).toList());
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
            Check.broken(SLEEP, "SleepDeadline", "busy", lostMessage, "Deadlines = 0", "Receivers = {r1, r2}"),
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
            Check.broken(SLEEP, "SleepDeadline", "deadline", lostMessage, "Returns = 0", "Last = 1", "Receivers = {r1, r2}"),
            Check.broken(SLEEP, "SleepDeadline", "watcher", lostMessage, "Deadlines = 0", "Receivers = {r1, r2}"),
            Check.broken(SLEEP, "SleepGroups", "others", lostMessage, "Deadlines = 0", "Receivers = {r1, r3}", "Ones = {r1}"),
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
            Check.broken(HOLDING, "HoldingStaged", "stranger", lostClient, "Leaves = FALSE", "Pauses = 0"),
            Check.broken(HOLDING, "Holding", "open", notAgreed, "Last = 2"),
            Check.broken(HOLDING, "Holding", "behind", notAgreed, "Leaves = FALSE", "Pauses = 0", "Size = 2"),
            Check.broken(HOLDING, "Holding", "early", notAgreed, "Commits = TRUE"),
            Check.broken(WAITING, "Waiting", "early", liveness, "Signals = 0"),
            Check.broken(WAITING, "Waiting", "never", liveness, "Signals = 0", "Others = {}"),
            Check.broken(WAITING, "Waiting", "once", liveness, "Signals = 0", "Others = {}"),
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

    /** Leaves the algorithm itself out: TLC would translate it once more in every run, to see whether the translation is of this algorithm. */
    private static void translate(String module) throws Exception {
        Path copy = directory.resolve(module + ".tla");
        Files.copy(SOURCES.resolve(module + ".tla"), copy);
        Output output = run(directory, "pcal.trans", "-nocfg", module + ".tla");
        assertTrue(output.text.contains("Translation completed."), output.text);
        Matcher algorithm = ALGORITHM.matcher(Files.readString(copy));
        assertTrue(algorithm.find(), () -> "no algorithm in " + module);
        Files.writeString(copy, algorithm.replaceFirst(found -> "\n".repeat((int) found.group().chars().filter(c -> c == '\n').count())));
    }

    /** Made once, before all others read it. Where it cannot be made they do without. */
    private static void archive() throws Exception {
        check(Check.of(ARCHIVED, ARCHIVED), "-XX:ArchiveClassesAtExit=" + archiveFile());
    }

    private static Path archiveFile() {
        return directory.resolve("tlc.jsa");
    }

    private static Output check(Check check) throws Exception {
        return check(check, "-XX:SharedArchiveFile=" + archiveFile());
    }

    private static Output check(Check check, String archive) throws Exception {
        Path own = Files.createTempDirectory(directory, check.configuration);
        Files.copy(directory.resolve(check.module + ".tla"), own.resolve(check.module + ".tla"));
        String configuration = Files.readString(SOURCES.resolve(check.configuration + ".cfg"));
        configuration = replace(configuration, "Bug = \"" + check.bug + "\"");
        for (String constant : check.constants) configuration = replace(configuration, constant);
        if (!check.liveness) configuration = LIVENESS.matcher(configuration).replaceAll("");
        Files.writeString(own.resolve(check.module + ".cfg"), configuration);
        return run(own, archive, "tlc2.TLC", "-workers", "1", "-lncheck", "final", "-metadir", own.resolve("states").toString(), check.module + ".tla");
    }

    /** Gives a constant of the configuration another value. */
    private static String replace(String configuration, String assignment) {
        String name = assignment.substring(0, assignment.indexOf(" = "));
        Matcher line = Pattern.compile("^  " + name + " = .*$", Pattern.MULTILINE).matcher(configuration);
        assertTrue(line.find(), () -> "no constant " + name + " in " + configuration);
        return line.replaceFirst(Matcher.quoteReplacement("  " + assignment));
    }

    private static Output run(Path where, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms256m", "-Xmn64m", "-Xmx1g",
            "-Djava.io.tmpdir=" + where, /* it unpacks its standard modules there */
            "-cp", checker().toString()));
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
