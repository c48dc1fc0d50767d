/** What all interfaces share: errors, and file descriptors. */
package org.tetrapylon;
