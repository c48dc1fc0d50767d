package org.tetrapylon.qnx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.tetrapylon.generated.qnx._client_info;
import org.tetrapylon.generated.qnx._cred_info;

/**
 * Who a client process is: {@code struct _client_info}. The effective ids are those the kernel attested when the process
 * connected; real and saved ones, groups and session come from /proc.
 *
 * @param pid the process
 * @param sid its session
 * @param ruid real user
 * @param euid effective user
 * @param suid saved user
 * @param rgid real group
 * @param egid effective group
 * @param sgid saved group
 * @param ngroups how many supplementary groups it has; groups may hold fewer
 * @param groups the supplementary groups that were asked for
 */
public record ClientInfo(int pid, int sid, int ruid, int euid, int suid, int rgid, int egid, int sgid, int ngroups,
        int[] groups) {

    static MemorySegment allocate(Arena arena) {
        return arena.allocate(_client_info.layout());
    }

    static int groupsMax() {
        return (int) (_cred_info.grouplist$layout().elementCount());
    }

    static ClientInfo read(MemorySegment struct, int asked) {
        MemorySegment cred = _client_info.cred(struct);
        int told = Math.min(asked, Math.min(_cred_info.ngroups(cred), groupsMax()));
        int[] groups = new int[told];
        for (int i = 0; i < told; i++) {
            groups[i] = _cred_info.grouplist(cred, i);
        }
        return new ClientInfo(_client_info.pid(struct), _client_info.sid(struct), _cred_info.ruid(cred), _cred_info.euid(cred),
                _cred_info.suid(cred), _cred_info.rgid(cred), _cred_info.egid(cred), _cred_info.sgid(cred),
                _cred_info.ngroups(cred), groups);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ClientInfo it && pid == it.pid && sid == it.sid && ruid == it.ruid && euid == it.euid
                && suid == it.suid && rgid == it.rgid && egid == it.egid && sgid == it.sgid && ngroups == it.ngroups
                && Arrays.equals(groups, it.groups);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * pid + euid) + Arrays.hashCode(groups);
    }
}
