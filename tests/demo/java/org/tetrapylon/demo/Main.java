package org.tetrapylon.demo;

/** {@code GATE serve|call NAME}: one side of one gate. What it says on standard output is for tests/demo/demo.c. */
public final class Main {

    private Main() {}

    public static void main(String[] arguments) {
        if (arguments.length != 3 || !arguments[1].matches("serve|call")) {
            System.err.println("usage: GATE serve|call NAME");
            System.exit(2);
        }
        boolean serves = arguments[1].equals("serve");
        String name = arguments[2];
        try {
            switch (arguments[0]) {
                case "qnx" -> run(serves, () -> Qnx.serve(name), () -> Qnx.call(name));
                case "fluke" -> run(serves, () -> Fluke.serve(name), () -> Fluke.call(name));
                case "mm" -> run(serves, () -> Mm.serve(name), () -> Mm.call(name));
                case "l4" -> run(serves, () -> L4.serve(name), () -> L4.call(name));
                default -> throw new Side.Wrong("there is no such gate");
            }
        } catch (RuntimeException e) {
            System.err.println(arguments[0] + (serves ? " server" : " client") + " in Java: " + e.getMessage());
            System.exit(1);
        }
    }

    private static void run(boolean serves, Runnable server, Runnable client) {
        (serves ? server : client).run();
    }
}
