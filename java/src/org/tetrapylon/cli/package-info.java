/** The command line of the jar, for people: {@code java -jar tetrapylon.jar states}. */
package org.tetrapylon.cli;
