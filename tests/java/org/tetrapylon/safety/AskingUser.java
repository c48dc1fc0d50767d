package org.tetrapylon.safety;

import org.tetrapylon.TetrapylonException;
import org.tetrapylon.qnx.Connection;

/** What safety_peer's "ask" does, in Java: arguments are a name, a process and a channel. */
final class AskingUser {

    private AskingUser() {}

    private interface Call {
        Object run();
    }

    public static void main(String[] arguments) {
        say("open", () -> {
            Connection.open(arguments[0]);
            return 0;
        });
        Connection[] attached = new Connection[1];
        say("attach", () -> {
            attached[0] = Connection.attach(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
            return 0;
        });
        if (attached[0] != null) {
            say("sent", () -> attached[0].send(new byte[] {'e', 0, 0, 0, 0, 0, 0, 0}, 8).status());
            say("pulse", () -> {
                attached[0].pulse(1, 1);
                return 0;
            });
        }
    }

    private static void say(String what, Call call) {
        Object result;
        try {
            result = call.run();
        } catch (TetrapylonException e) {
            result = e.errno();
        }
        System.out.println(what + " " + result);
    }
}
