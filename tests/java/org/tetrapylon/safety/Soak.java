package org.tetrapylon.safety;

/** How often what can go on for ever does so: as usual, or for minutes with {@code mvn verify -Psoak}. */
final class Soak {

    private static final boolean SOAKS = Boolean.getBoolean("tetrapylon.soak");

    private Soak() {}

    static int rounds(int usual, int soak) {
        return SOAKS ? soak : usual;
    }
}
