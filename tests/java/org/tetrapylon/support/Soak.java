package org.tetrapylon.support;

/** How often what can go on for ever does so: as usual, or for minutes with {@code mvn verify -Psoak}. */
public final class Soak {

    private static final boolean SOAKS = Boolean.getBoolean("tetrapylon.soak");

    private Soak() {}

    public static boolean soaks() {
        return SOAKS;
    }

    public static int rounds(int usual, int soak) {
        return SOAKS ? soak : usual;
    }
}
