package org.tetrapylon.fluke;

/** How the last receive of a conversation ended. */
public enum Arrival {
    /** The other side has sent all that it wanted and is over: this side can receive nothing more, but become the sender. */
    WHOLE,
    /** The room is full: a further receive goes on. */
    MORE_DATA,
    /** The references are used up: a further receive, with others, goes on. */
    MORE_REFERENCES,
    /** The other side has disconnected, after what came: the normal end of a connection. */
    ENDED
}
