----------------------------- MODULE HostileHold -----------------------------
(***************************************************************************)
(* As Hostile, for held exchanges and accounted offers. A client writes    *)
(* any value to the post, the header, the answer and the progress word, at *)
(* any time, for ever: so each load of them finds any value, and each      *)
(* compare-and-swap may fail. A thread of the server looks, accepts and    *)
(* commits, commits more, turns, finishes, releases, in any order, and     *)
(* then serves an honest client. The private record must stay within its   *)
(* states, a hold must have its holder, what is counted as taken must have *)
(* been copied, and each operation must end.                               *)
(*                                                                         *)
(* Bug puts one mistake into the server; "none" is the protocol itself.    *)
(*   commit   a commit is tried for ever                                   *)
(*   release  a release is tried for ever                                  *)
(*   mark     what was taken is read from the progress word                *)
(*   holder   the header alone makes an offer its holder's                 *)
(*   twice    the header is looked at once for the state, once for who     *)
(*            holds it                                                     *)
(***************************************************************************)
EXTENDS Integers

CONSTANTS Numbers, \* sequences, 0 among them
          Tries,   \* of a compare-and-swap
          Bug

Copied == 1 \* units of the offer that are here

(* --algorithm HostileHold {
variables
  record = [state |-> "idle", sequence |-> 0, held |-> FALSE], seen = 0, holding = FALSE, taken = 0,
  post = FALSE, answer = FALSE; \* the honest client's

fair process (honest = "honest")
{
Post:
  post := TRUE;
Wait:
  await answer;
}

fair process (server = "server")
  variables tries = 0, next = "look";
{
Look:
  while (TRUE) {
      answer := answer \/ post;
      tries := 0 || taken := 0;
      with (o \in {"look", "accept", "commit", "turn", "finish", "release"}) next := o;
    Enter:                                                \* by the private record alone
      if (next = "look") with (p \in Numbers) { if (p = seen) goto Look else seen := p }
      else if (next = "accept" /\ record.state = "queued" /\ (~record.held \/ holding)) goto Commit
      else if (next = "commit" /\ holding /\ record.state = "accepted") goto Commit
      else if (next \in {"turn", "finish"} /\ holding /\ record.state = "accepted") goto Answer
      else if (next = "release" /\ holding) goto Release
      else goto Look;
    Header:
      with (header \in {"fresh", "continue", "hangup"},
            h = record.state \in {"held", "accepted"} \/ (record.state = "queued" /\ record.held) \/ Bug = "holder") {
        record := [sequence |-> seen, held |-> h /\ header = "continue",
                   state |-> IF header = "hangup" \/ (header = "continue" /\ ~h) THEN "idle" ELSE "queued"];
        if (~(h /\ header = "continue")) holding := FALSE; \* its thread is told, and stops
      };
    Again:
      if (Bug = "twice") with (h \in BOOLEAN) record.held := h;
      goto Look;
    Commit:
      either goto Dropped                                 \* closed, or of a later offer
      or {
        if (tries >= Tries) goto Dropped
        else either { tries := IF Bug = "commit" THEN 1 - tries ELSE tries + 1; goto Commit } or skip;
      };
    Count:
      with (mark \in IF Bug = "mark" THEN {1, 2} ELSE {Copied}) taken := mark;
      if (next = "accept") { record.state := "accepted"; holding := TRUE };
      goto Look;
    Dropped:                                              \* an accept that is not to be; a commit only fails
      if (next = "accept") { record.state := IF record.held THEN "held" ELSE "idle"; holding := record.held };
      goto Look;
    Answer:                                               \* which succeeds or finds that the client has gone on
      record.state := IF next = "turn" THEN "held" ELSE "idle";
      holding := next = "turn";
      goto Look;
    Release:
      record.state := "idle" || record.held := FALSE;
      holding := FALSE;
    LetGo:
      if (tries < Tries) either { tries := IF Bug = "release" THEN 1 - tries ELSE tries + 1; goto LetGo } or skip;
  }
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

\* What the server decides by is its own: who holds is who accepted, and what was taken is what was copied.
RecordOk ==
  /\ record.state \in {"idle", "queued", "accepted", "held"}
  /\ record.sequence \in Numbers /\ tries <= Tries /\ taken <= Copied
  /\ pc["server"] = "Look" /\ (record.state \in {"held", "accepted"} \/ (record.held /\ record.state = "queued")) => holding
\* The honest client is served: so each operation on the hostile exchange ends.
HonestServed == <>(pc["honest"] = "Done")
==============================================================================
