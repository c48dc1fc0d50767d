package org.tetrapylon.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.Errno;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;
import org.tetrapylon.ThreadState.State;
import org.tetrapylon.qnx.Channel;
import org.tetrapylon.qnx.Connection;
import org.tetrapylon.support.Observe;

/** Processes that are blocked in each state are listed as what they are; their state is waited for, as it comes by itself. */
@Timeout(60)
class StatesTest {

    private static final String PROGRAM = Path.of(System.getProperty("tetrapylon.programs"), "interop", "blocked").toString();
    private static int names;

    private final List<Process> started = new ArrayList<>();

    private record Server(int pid, int chid, String name, BufferedReader output) {}

    private Process start(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(PROGRAM));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        started.add(process);
        return process;
    }

    /** how: "receive", or "work" for one that is busy with the first message. */
    private Server serve(String how) throws IOException {
        String name = "tetrapylon-states-" + ProcessHandle.current().pid() + "-" + ++names;
        BufferedReader output = start(how, name).inputReader();
        String[] ready = output.readLine().split(" ");
        assertEquals("ready", ready[0]);
        return new Server(Integer.parseInt(ready[1]), Integer.parseInt(ready[2]), name, output);
    }

    @AfterEach
    void endAll() throws Exception {
        for (Process process : started) {
            process.destroyForcibly().waitFor();
        }
    }

    /** None when there is no such process any more. */
    private static List<ThreadState> threadsOf(long pid) {
        try {
            return ThreadState.of(pid);
        } catch (TetrapylonException e) {
            assertEquals(Errno.ESRCH, e.errno());
            return List.of();
        }
    }

    /** Waits until the only thread of a process that passes messages is in this state. */
    private static ThreadState await(long pid, State state) {
        ThreadState[] found = new ThreadState[1];
        Observe.until(() -> {
            List<ThreadState> threads = threadsOf(pid);
            found[0] = threads.size() == 1 ? threads.get(0) : null;
            return found[0] != null && found[0].state() == state;
        });
        return found[0];
    }

    @Test
    void aServerWithoutWorkReceives() throws Exception {
        Server server = serve("receive");
        ThreadState thread = await(server.pid, State.RECEIVE);
        assertEquals(server.chid, thread.port());
        assertEquals(0, thread.partner());
        assertEquals(server.pid, thread.tid());
        assertTrue(thread.blocked().compareTo(Duration.ofSeconds(60)) < 0, thread.toString());
    }

    @Test
    void aClientWhoseMessageIsNotAnsweredWaitsForTheReply() throws Exception {
        Server server = serve("receive");
        long client = start("send", server.name).pid();
        ThreadState thread = await(client, State.REPLY);
        assertEquals(server.pid, thread.partner());
        assertEquals(server.chid, thread.port());
        await(server.pid, State.RECEIVE);
    }

    @Test
    void aClientWhoseMessageNobodyReceivesWaitsInSend() throws Exception {
        Server server = serve("work");
        await(server.pid, State.RECEIVE);
        long first = start("send", server.name).pid();
        assertEquals("busy", server.output.readLine());
        long second = start("send", server.name).pid();
        ThreadState thread = await(second, State.SEND);
        assertEquals(server.pid, thread.partner());
        assertEquals(server.chid, thread.port());
        await(first, State.REPLY);
        await(server.pid, State.READY);
    }

    @Test
    void threadsOfAJavaProcessAreListedOneByOne() throws Exception {
        int pid = (int) ProcessHandle.current().pid();
        Channel channel = Channel.create();
        try (Connection connection = channel.connect()) {
            Thread server = inThread(channel::receive);
            Observe.until(() -> count(pid, channel.chid(), State.RECEIVE) == 1);
            Thread client = inThread(() -> connection.send(new byte[8], 8));
            Observe.until(() -> count(pid, channel.chid(), State.REPLY) == 1);
            assertEquals(0, count(pid, channel.chid(), State.RECEIVE));
            channel.close();
            server.join();
            client.join();
            assertEquals(0, count(pid, channel.chid(), State.REPLY));
        }
    }

    /** Starts a thread in which the call may fail, as it does when the channel is closed. */
    private static Thread inThread(Runnable call) {
        return Thread.ofPlatform().daemon().start(() -> {
            try {
                call.run();
            } catch (TetrapylonException e) {
                assertEquals(Errno.ESRCH, e.errno());
            }
        });
    }

    private static long count(long pid, int port, State state) {
        return threadsOf(pid).stream().filter(thread -> thread.port() == port && thread.state() == state).count();
    }

    @Test
    void theDeadAreNotListed() throws Exception {
        Server server = serve("receive");
        await(server.pid, State.RECEIVE);
        endAll();
        assertTrue(threadsOf(server.pid).isEmpty());
    }

    @Test
    void theCommandPrintsALineForEach() throws Exception {
        Server server = serve("receive");
        await(server.pid, State.RECEIVE);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        assertEquals(0, run(out, err, "states", Integer.toString(server.pid)));
        List<String> lines = out.toString().lines().toList();
        assertEquals(2, lines.size(), out.toString());
        assertTrue(lines.get(1).matches(" *" + server.pid + "  blocked +" + server.pid + "  RECEIVE +- +" + server.chid + " +\\d+\\.\\d{3} s"),
                lines.get(1));
        assertEquals("", err.toString());
    }

    @Test
    void aProcessThatIsNoneIsAnError() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        assertEquals(1, run(out, err, "states", "1"));
        assertEquals(1, out.toString().lines().count());
        assertTrue(err.toString().contains("process 1 "), err.toString());
    }

    @Test
    void wrongUseIsToldSo() {
        for (String[] arguments : new String[][] {{}, {"status"}, {"states", "x"}, {"states", "-1"}}) {
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            assertEquals(2, run(new ByteArrayOutputStream(), err, arguments));
            assertFalse(err.toString().isEmpty());
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertEquals(0, run(out, new ByteArrayOutputStream(), "--help"));
        assertTrue(out.toString().startsWith("usage: "), out.toString());
    }

    private static int run(ByteArrayOutputStream out, ByteArrayOutputStream err, String... arguments) {
        return Main.run(arguments, new PrintStream(out, true), new PrintStream(err, true));
    }
}
