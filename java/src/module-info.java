/**
 * Four classic kernel IPC interfaces on Linux. Run with {@code --enable-native-access=org.tetrapylon}.
 */
module org.tetrapylon {
    exports org.tetrapylon;
    exports org.tetrapylon.fluke;
    exports org.tetrapylon.l4;
    exports org.tetrapylon.mm;
    exports org.tetrapylon.qnx;
}
