/**
 * What all interfaces share: {@linkplain org.tetrapylon.TetrapylonException exceptions} that carry the {@linkplain org.tetrapylon.Errno
 * errno}, {@linkplain org.tetrapylon.Fd file descriptors}, the {@linkplain org.tetrapylon.MessagePriority priority} that a thread's messages
 * carry, and the {@linkplain org.tetrapylon.ThreadState states} of the threads that pass messages.
 */
package org.tetrapylon;
