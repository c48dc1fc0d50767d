/**
 * Four classic kernel IPC interfaces on Linux, each in a package of its own: the functions under their documented names in one class, and
 * beside it a few classes that are an easier way in. The other end may be in C, or in Java by any of the two.
 *
 * <p>Run with {@code --enable-native-access=org.tetrapylon}, on the class path {@code --enable-native-access=ALL-UNNAMED}. The C library is in
 * the jar; the system properties {@code tetrapylon.library} and {@code tetrapylon.tmpdir} name another one, or another directory to copy it to.
 */
module org.tetrapylon {
    exports org.tetrapylon;
    exports org.tetrapylon.fluke;
    exports org.tetrapylon.l4;
    exports org.tetrapylon.mm;
    exports org.tetrapylon.qnx;
}
