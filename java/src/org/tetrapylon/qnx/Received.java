package org.tetrapylon.qnx;

/** What comes by a channel: a {@link Message}, which must be answered, or a {@link Pulse}, which cannot be. */
public sealed interface Received permits Message, Pulse {}
