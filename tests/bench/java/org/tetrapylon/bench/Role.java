package org.tetrapylon.bench;

import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/**
 * One side of a contender as a process of its own; the Java counterpart of role.c, speaking the same lines with the
 * harness:
 *
 * <pre>
 *   list                                 the contenders that were compiled in, one a line
 *   server NAME ENDPOINT CLIENTS         says "ready ADDRESS" and serves; answers "stat" with "stat allocated=BYTES"
 *   client NAME ADDRESS INDEX            says "ready", then obeys "run ..." and "slots ..." lines with "done ..." lines
 * </pre>
 */
public final class Role {

    /** By name. A class that was not compiled, because what it needs is absent, is not listed. */
    private static final Map<String, String> CONTENDERS =
            new TreeMap<>(Map.of("jdk", "JdkContender", "aeron", "AeronContender", "qnx", "QnxContender",
                    "mm", "MmContender", "l4", "L4Contender", "l4-send", "L4SendContender", "l4-one-way", "L4OneWayContender",
                    "fluke", "FlukeContender", "fluke-turns", "FlukeTurnsContender"));

    private static final PrintStream OUT = System.out;

    private Role() {}

    public static void main(String[] arguments) {
        try {
            switch (arguments.length == 0 ? "" : arguments[0]) {
                case "list" -> CONTENDERS.keySet().stream().filter(name -> find(name) != null).forEach(OUT::println);
                case "server" -> serve(arguments[1], arguments[2], Integer.parseInt(arguments[3]));
                case "client" -> call(arguments[1], arguments[2], Integer.parseInt(arguments[3]));
                default -> throw new IllegalArgumentException("list, server or client is wanted");
            }
        } catch (Throwable failure) {
            failure.printStackTrace();
            OUT.println("fail " + String.valueOf(failure).lines().findFirst().orElse(""));
            OUT.flush();
            Runtime.getRuntime().halt(1);
        }
    }

    private static Class<?> find(String name) {
        try {
            return Class.forName(Role.class.getPackageName() + "." + CONTENDERS.get(name), false, Role.class.getClassLoader());
        } catch (ClassNotFoundException absent) {
            return null;
        }
    }

    private static Contender contender(String name) throws ReflectiveOperationException {
        Class<?> found = find(name);
        if (found == null) {
            throw new IllegalArgumentException("no contender " + name);
        }
        return (Contender) found.getDeclaredConstructor().newInstance();
    }

    private static MemorySegment buffer() {
        return Arena.global().allocate(Contender.LARGEST, 4096);
    }

    private static void say(String line) {
        OUT.println(line);
        OUT.flush();
    }

    private static void serve(String name, String endpoint, int clients) throws Exception {
        Thread.ofPlatform().daemon().name("stat").start(Role::answerStat);
        contender(name).serve(endpoint, clients, buffer(), address -> say("ready " + address));
        throw new IllegalStateException("the server returned");
    }

    /** Says how much heap every thread but this one has used so far. */
    private static void answerStat() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        try {
            while (in.readLine() != null) {
                long allocated = threads.getTotalThreadAllocatedBytes() - threads.getCurrentThreadAllocatedBytes();
                say("stat allocated=" + allocated);
            }
        } catch (IOException gone) {
            // The harness has ended, and this process with it.
        }
        Runtime.getRuntime().halt(0);
    }

    private static void call(String name, String address, int index) throws Exception {
        MemorySegment request = buffer();
        MemorySegment reply = buffer();
        ClientRun run = new ClientRun(contender(name).connect(address, index, request, reply), request, reply, index);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        say("ready");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            if (words.length == 7 && words[0].equals("slots")) {
                int[] slots = Arrays.stream(words[6].split(",")).mapToInt(Integer::parseInt).toArray();
                say(run.slots(Integer.parseInt(words[1]), Long.parseLong(words[2]), Long.parseLong(words[3]),
                        Long.parseLong(words[4]), Long.parseLong(words[5]), slots));
                continue;
            }
            if (words.length != 7 || !words[0].equals("run")) {
                throw new IllegalArgumentException("not understood: " + line);
            }
            say(run.slice(Integer.parseInt(words[1]), Long.parseLong(words[2]), Long.parseLong(words[3]),
                    Long.parseLong(words[4]), 1000 * Long.parseLong(words[5]), Integer.parseInt(words[6])));
        }
        Runtime.getRuntime().halt(0);
    }
}
