package org.tetrapylon.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.tetrapylon.TetrapylonException;
import org.tetrapylon.ThreadState;

/**
 * {@code java -jar tetrapylon.jar states [PID...]}: lists the threads of this user's processes that use the library, with what each
 * waits for. Exit status 0; 1 when a process that was named cannot be listed; 2 for wrong use.
 */
public final class Main {

    private static final String USAGE = """
            usage: java -jar tetrapylon.jar states [PID...]

            Lists the threads that pass messages, of all processes of this user or of those named:
              SEND      has sent a message that the server has not received yet
              REPLY     has sent a message that the server has not answered yet
              RECEIVE   waits for messages at a port of its own
              READY     does something else
            partner: the server's process. port: the server's, or its own (of a QNX channel: the chid). since: for how long.
            """;

    private static final String FORMAT = "%8s  %-15s  %8s  %-7s  %8s  %5s  %12s%n";
    private static final String NONE = "-";

    private Main() {}

    public static void main(String[] arguments) {
        System.exit(run(arguments, System.out, System.err));
    }

    /** Does it. {@return the exit status} */
    static int run(String[] arguments, PrintStream out, PrintStream err) {
        if (arguments.length > 0 && List.of("--help", "-h", "help").contains(arguments[0])) {
            out.print(USAGE);
            return 0;
        }
        String[] pids = arguments.length == 0 ? arguments : Arrays.copyOfRange(arguments, 1, arguments.length);
        if (arguments.length == 0 || !arguments[0].equals("states") || Arrays.stream(pids).anyMatch(pid -> !pid.matches("\\d{1,9}"))) {
            err.print(USAGE);
            return 2;
        }
        return states(Arrays.stream(pids).map(Integer::valueOf).toList(), out, err);
    }

    private static int states(List<Integer> pids, PrintStream out, PrintStream err) {
        out.printf(Locale.ROOT, FORMAT, "pid", "program", "tid", "state", "partner", "port", "since");
        if (pids.isEmpty()) {
            ProcessHandle.allProcesses().mapToInt(process -> (int) process.pid()).sorted().forEach(pid -> list(pid, out));
            return 0;
        }
        int status = 0;
        for (int pid : pids) {
            if (!list(pid, out)) {
                err.println("tetrapylon: process " + pid + " passes no messages, or is another user's");
                status = 1;
            }
        }
        return status;
    }

    /** Prints the threads of a process. {@return whether it uses the library and may be looked at} */
    private static boolean list(int pid, PrintStream out) {
        List<ThreadState> threads;
        try {
            threads = ThreadState.of(pid);
        } catch (TetrapylonException e) {
            return false;
        }
        for (ThreadState thread : threads) {
            boolean ready = thread.state() == ThreadState.State.READY;
            out.printf(Locale.ROOT, FORMAT, pid, program(pid), thread.tid(), thread.state(),
                    thread.partner() == 0 ? NONE : thread.partner(), ready ? NONE : thread.port(),
                    ready ? NONE : String.format(Locale.ROOT, "%.3f s", thread.blocked().toNanos() / 1e9));
        }
        return true;
    }

    private static String program(int pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/comm")).strip();
        } catch (IOException e) {
            return NONE;
        }
    }
}
