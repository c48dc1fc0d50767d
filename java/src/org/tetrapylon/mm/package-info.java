/**
 * mmlib's IPC: datagrams and file descriptors between processes, in the same way and on the same sockets as the C functions
 * of {@code mmsysio.h}, so that processes in either language understand each other.
 *
 * <p>{@link org.tetrapylon.mm.Server} and {@link org.tetrapylon.mm.Endpoint} are what a Java program works with;
 * {@link org.tetrapylon.mm.Mmsysio} has the documented functions under their documented names.
 */
package org.tetrapylon.mm;
