/**
 * Four classic kernel IPC interfaces on Linux. Run with {@code --enable-native-access=org.tetrapylon}.
 */
module org.tetrapylon {
}
