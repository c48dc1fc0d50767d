package org.tetrapylon.fluke;

import static org.tetrapylon.fluke.FlukeIpc.*;
import static org.tetrapylon.fluke.Scene.filled;
import static org.tetrapylon.fluke.Scene.ok;
import static org.tetrapylon.fluke.Scene.room;

import java.util.function.IntSupplier;
import java.util.function.ToIntFunction;

/** The functions that exist for either side, and how a test gets to the point where its own begins. */
enum Side {
    CLIENT(FlukeIpc::flukeIpcClientAckSend, FlukeIpc::flukeIpcClientAckSendOverReceive, FlukeIpc::flukeIpcClientOverReceive,
            FlukeIpc::flukeIpcClientReceive, FlukeIpc::flukeIpcClientSend, FlukeIpc::flukeIpcClientSendOverReceive,
            FlukeIpc::flukeIpcClientAlert, FlukeIpc::flukeIpcClientDisconnect),
    SERVER(FlukeIpc::flukeIpcServerAckSend, FlukeIpc::flukeIpcServerAckSendOverReceive, FlukeIpc::flukeIpcServerOverReceive,
            FlukeIpc::flukeIpcServerReceive, FlukeIpc::flukeIpcServerSend, FlukeIpc::flukeIpcServerSendOverReceive,
            FlukeIpc::flukeIpcServerAlert, FlukeIpc::flukeIpcServerDisconnect);

    private final ToIntFunction<Params> ackSend;
    private final ToIntFunction<Params> ackSendOverReceive;
    private final ToIntFunction<Params> overReceive;
    private final ToIntFunction<Params> receive;
    private final ToIntFunction<Params> send;
    private final ToIntFunction<Params> sendOverReceive;
    private final IntSupplier alert;
    private final Runnable disconnect;

    Side(ToIntFunction<Params> ackSend, ToIntFunction<Params> ackSendOverReceive, ToIntFunction<Params> overReceive,
            ToIntFunction<Params> receive, ToIntFunction<Params> send, ToIntFunction<Params> sendOverReceive, IntSupplier alert,
            Runnable disconnect) {
        this.ackSend = ackSend;
        this.ackSendOverReceive = ackSendOverReceive;
        this.overReceive = overReceive;
        this.receive = receive;
        this.send = send;
        this.sendOverReceive = sendOverReceive;
        this.alert = alert;
        this.disconnect = disconnect;
    }

    int ackSend(Params params) {
        return ackSend.applyAsInt(params);
    }

    int ackSendOverReceive(Params params) {
        return ackSendOverReceive.applyAsInt(params);
    }

    int overReceive(Params params) {
        return overReceive.applyAsInt(params);
    }

    int receive(Params params) {
        return receive.applyAsInt(params);
    }

    int send(Params params) {
        return send.applyAsInt(params);
    }

    int sendOverReceive(Params params) {
        return sendOverReceive.applyAsInt(params);
    }

    int alert() {
        return alert.getAsInt();
    }

    void disconnect() {
        disconnect.run();
    }

    /** This side becomes the receiver, the other being over. */
    void begin(Scene scene) {
        Params params = new Params().receive(room(2));
        ok(this == CLIENT ? flukeIpcClientConnectSendOverReceive(scene.dest, params.send(filled(2, 1)))
                : flukeIpcSetupWaitReceive(scene.set, params, null));
    }

    /** This side goes over, with the room of params. {@return what that call returns} */
    int goOver(Scene scene, Params params) {
        params.send(filled(2, 1));
        if (this == CLIENT) {
            return flukeIpcClientConnectSendOverReceive(scene.dest, params);
        }
        begin(scene);
        return flukeIpcServerAckSendOverReceive(params);
    }

    /** {@return the thread at the other end} */
    Thread other(Scene scene) {
        return this == CLIENT ? scene.server : scene.client;
    }

    interface Body {
        void run(Scene scene, Side side) throws Throwable;
    }

    /** The caller is this side, as the receiver of a connection whose other end, the peer, is over. */
    void run(Body caller, Body peer) throws Throwable {
        Scene.run(scene -> (this == SERVER ? caller : peer).run(scene, SERVER), scene -> (this == CLIENT ? caller : peer).run(scene, CLIENT));
    }
}
