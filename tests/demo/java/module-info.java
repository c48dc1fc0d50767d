/** The Java half of the demo: a program that uses Tetrapylon as any other does. */
module org.tetrapylon.demo {
    requires org.tetrapylon;
}
