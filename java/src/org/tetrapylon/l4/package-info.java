/**
 * L4 V2 IPC: synchronous, unbuffered messages between threads. {@link org.tetrapylon.l4.L4} has the documented functions under
 * their documented names; {@link org.tetrapylon.l4.Ipc} and {@link org.tetrapylon.l4.Message} are an easier way in.
 */
package org.tetrapylon.l4;
