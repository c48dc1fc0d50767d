package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** What tests of the functions begin with: a channel of this process, a connection to it, and memory that goes with them after each test. */
@Timeout(60)
abstract class OneChannel {

    final Arena arena = Arena.ofShared();
    int chid;
    int coid;

    @BeforeEach
    final void open() {
        chid = Neutrino.channelCreate(0);
        coid = Neutrino.connectAttach(0, 0, chid, Neutrino._NTO_SIDE_CHANNEL, 0);
    }

    /** A test may have closed them itself. */
    @AfterEach
    final void close() {
        Neutrino.connectDetach_r(coid);
        Neutrino.channelDestroy_r(chid);
        arena.close();
    }
}
