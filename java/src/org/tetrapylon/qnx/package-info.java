/**
 * QNX Neutrino message passing. {@link org.tetrapylon.qnx.Channel} and {@link org.tetrapylon.qnx.Connection} are the easy way in;
 * {@link org.tetrapylon.qnx.Neutrino} has each function under its documented name.
 */
package org.tetrapylon.qnx;
