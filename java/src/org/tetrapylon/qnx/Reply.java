package org.tetrapylon.qnx;

/**
 * The answer to a message that was sent as an array.
 *
 * @param status the server's, any number
 * @param payload the bytes that came
 */
public record Reply(long status, byte[] payload) {}
