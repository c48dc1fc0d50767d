/**
 * Interprocess communication of Fluke, chapter 8 of its API: reliable half-duplex connections whose direction is reversed, idempotent calls
 * and one-way messages, to ports that are gathered in port sets; references to ports and to file descriptors travel with them.
 *
 * <p>{@link org.tetrapylon.fluke.FlukeIpc} has the documented functions under their documented names; they return a status.
 * {@link org.tetrapylon.fluke.Client} and {@link org.tetrapylon.fluke.Server} are the easier way in; they throw
 * {@link org.tetrapylon.fluke.FlukeException}.
 *
 * <p>A connection belongs to a thread, which holds at most one as a client and one as a server. So everything that acts on a connection must be
 * called by a platform thread; a virtual thread gets {@link WrongThreadException}. Objects ({@link org.tetrapylon.fluke.Port},
 * {@link org.tetrapylon.fluke.PortSet}, {@link org.tetrapylon.fluke.Reference}) may be used by any thread of either kind.
 */
package org.tetrapylon.fluke;
