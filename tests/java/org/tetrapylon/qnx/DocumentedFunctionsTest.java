package org.tetrapylon.qnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tetrapylon.Errno;
import org.tetrapylon.internal.NativeLibrary;

/** Each documented function is there under its documented name, with its twins: in the headers, in the library and in Java. */
@Timeout(30)
class DocumentedFunctionsTest {

    /** Those that have a twin with _r. */
    private static final List<String> PAGES = List.of("ChannelCreate", "ChannelDestroy", "ConnectAttach", "ConnectDetach", "ConnectFlags",
            "ConnectServerInfo", "ConnectClientInfo", "MsgSend", "MsgSendnc", "MsgSendv", "MsgSendvnc", "MsgSendsv", "MsgSendsvnc",
            "MsgSendvs", "MsgSendvsnc", "MsgReceive", "MsgReceivev", "MsgReceivePulse", "MsgReceivePulsev", "MsgReply", "MsgReplyv",
            "MsgError", "MsgRead", "MsgReadv", "MsgWrite", "MsgWritev", "MsgInfo", "MsgCurrent", "MsgSendPulse", "MsgSendPulsePtr",
            "MsgDeliverEvent", "MsgVerifyEvent", "MsgRegisterEvent", "MsgUnregisterEvent", "TimerTimeout");
    private static final List<String> OTHERS =
            List.of("name_attach", "name_detach", "name_open", "name_close", "netmgr_strtond", "netmgr_ndtostr");

    private static Stream<String> all() {
        return Stream.concat(PAGES.stream().flatMap(name -> Stream.of(name, name + "_r")), OTHERS.stream());
    }

    /** msgReplyv_r for MsgReplyv_r, nameAttach for name_attach. */
    private static String inJava(String name) {
        String joined = OTHERS.contains(name) ? Pattern.compile("_(.)").matcher(name).replaceAll(it -> it.group(1).toUpperCase()) : name;
        return Character.toLowerCase(joined.charAt(0)) + joined.substring(1);
    }

    @Test
    void inTheHeadersAndNoOthers() throws IOException {
        Set<String> declared = new TreeSet<>();
        Pattern function = Pattern.compile("TPY_PUBLIC [^;()]*?\\b((?:Msg|Channel|Connect|TimerT|name_|netmgr_)\\w*)\\(");
        for (String header : List.of("neutrino.h", "dispatch.h", "netmgr.h")) {
            String text = Files.readString(Path.of(System.getProperty("tetrapylon.include"), "sys", header));
            function.matcher(text).results().map((MatchResult it) -> it.group(1)).forEach(declared::add);
        }
        assertEquals(all().collect(Collectors.toCollection(TreeSet::new)), declared);
    }

    @Test
    void inTheLibrary() {
        NativeLibrary.load();
        all().forEach(name -> assertTrue(NativeLibrary.symbols().find(name).isPresent(), name));
    }

    @Test
    void inJava() {
        Set<String> methods = Arrays.stream(Neutrino.class.getMethods()).filter(it -> Modifier.isStatic(it.getModifiers()))
                .map(Method::getName).collect(Collectors.toSet());
        assertArrayEquals(new Object[0], all().map(DocumentedFunctionsTest::inJava).filter(name -> !methods.contains(name)).toArray());
    }

    @Test
    void theTwinOfConnectClientInfo() {
        ClientInfo[] info = new ClientInfo[1];
        assertEquals(0, Neutrino.connectClientInfo_r(-1, info, 0));
        assertEquals(ProcessHandle.current().pid(), info[0].pid());
        assertEquals(-Errno.EINVAL, Neutrino.connectClientInfo_r(12345, info, 0));
        assertEquals(-Errno.EINVAL, Neutrino.connectClientInfo_r(-1, info, -1));
    }
}
