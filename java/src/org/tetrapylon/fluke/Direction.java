package org.tetrapylon.fluke;

/** What this side is in a conversation: the state that says which calls are allowed. */
public enum Direction {
    /** There is no connection. */
    NONE,
    /** This side sends. */
    SENDER,
    /** This side receives. */
    RECEIVER
}
