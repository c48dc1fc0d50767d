package org.tetrapylon.fluke;

import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;

/** The functions that exist for either side, and how a test gets to the point where its own begins. */
enum Side {
    CLIENT {
        @Override
        int ackSend(Params params) {
            return flukeIpcClientAckSend(params);
        }

        @Override
        int ackSendOverReceive(Params params) {
            return flukeIpcClientAckSendOverReceive(params);
        }

        @Override
        int alert() {
            return flukeIpcClientAlert();
        }

        @Override
        void disconnect() {
            flukeIpcClientDisconnect();
        }

        @Override
        int overReceive(Params params) {
            return flukeIpcClientOverReceive(params);
        }

        @Override
        int receive(Params params) {
            return flukeIpcClientReceive(params);
        }

        @Override
        int send(Params params) {
            return flukeIpcClientSend(params);
        }

        @Override
        int sendOverReceive(Params params) {
            return flukeIpcClientSendOverReceive(params);
        }

        @Override
        void begin(Scene scene) {
            ok(flukeIpcClientConnectSendOverReceive(scene.dest, new Params().send(filled(2, 1)).receive(room(2))));
        }

        @Override
        int goOver(Scene scene, Params params) {
            return flukeIpcClientConnectSendOverReceive(scene.dest, params.send(filled(2, 1)));
        }

        @Override
        Thread other(Scene scene) {
            return scene.server;
        }
    },
    SERVER {
        @Override
        int ackSend(Params params) {
            return flukeIpcServerAckSend(params);
        }

        @Override
        int ackSendOverReceive(Params params) {
            return flukeIpcServerAckSendOverReceive(params);
        }

        @Override
        int alert() {
            return flukeIpcServerAlert();
        }

        @Override
        void disconnect() {
            flukeIpcServerDisconnect();
        }

        @Override
        int overReceive(Params params) {
            return flukeIpcServerOverReceive(params);
        }

        @Override
        int receive(Params params) {
            return flukeIpcServerReceive(params);
        }

        @Override
        int send(Params params) {
            return flukeIpcServerSend(params);
        }

        @Override
        int sendOverReceive(Params params) {
            return flukeIpcServerSendOverReceive(params);
        }

        @Override
        void begin(Scene scene) {
            ok(flukeIpcSetupWaitReceive(scene.set, new Params().receive(room(2)), null));
        }

        @Override
        int goOver(Scene scene, Params params) {
            ok(flukeIpcSetupWaitReceive(scene.set, new Params().receive(room(2)), null));
            return flukeIpcServerAckSendOverReceive(params.send(filled(2, 1)));
        }

        @Override
        Thread other(Scene scene) {
            return scene.client;
        }
    };

    abstract int ackSend(Params params);

    abstract int ackSendOverReceive(Params params);

    abstract int alert();

    abstract void disconnect();

    abstract int overReceive(Params params);

    abstract int receive(Params params);

    abstract int send(Params params);

    abstract int sendOverReceive(Params params);

    /** This side becomes the receiver, the other being over. */
    abstract void begin(Scene scene);

    /** This side goes over, with the room of params. {@return what that call returns} */
    abstract int goOver(Scene scene, Params params);

    /** {@return the thread at the other end} */
    abstract Thread other(Scene scene);

    interface Body {
        void run(Scene scene, Side side) throws Throwable;
    }

    /** The caller is this side, as the receiver of a connection whose other end, the peer, is over. */
    void run(Body caller, Body peer) throws Throwable {
        Scene.run(scene -> (this == SERVER ? caller : peer).run(scene, SERVER), scene -> (this == CLIENT ? caller : peer).run(scene, CLIENT));
    }
}
