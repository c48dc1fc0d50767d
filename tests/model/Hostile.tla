-------------------------------- MODULE Hostile --------------------------------
(***************************************************************************)
(* A client that may write any value to any word it shares with the        *)
(* server, at any time, for ever; and an honest client of the same port.   *)
(* The server's steps are single loads and compare-and-swaps, as in        *)
(* native/core/collect.c, receive.c and exchange.c. Its private record of  *)
(* the hostile exchange must stay within its state machine, each of its    *)
(* operations must end, and the honest client must be served.              *)
(*                                                                         *)
(* Bug puts one mistake into the server; "none" is the protocol itself.    *)
(*   endless  compare-and-swap is tried for ever                           *)
(*   twice    a length is checked in one load and used from another        *)
(*   trust    the sequence to finish is read from the answer word          *)
(*   wait     finish waits until a withdrawing client has decided          *)
(*   stamp    among equals the client's own time decides                   *)
(***************************************************************************)
EXTENDS Integers, Sequences

CONSTANTS Numbers,  \* sequences the hostile client writes, 0 among them
          Tries,    \* of a compare-and-swap
          Bug

Inline == 1                                                \* what fits; the hostile client may claim 2
Bits == {"over", "withdraw"}                                \* DONE and CANCEL are the same to the server
Words == Numbers \X Bits

(* --algorithm Hostile {
variables
  \* what the hostile client shares with the server
  post = 0, answer = <<0, "over">>, length = 1, stamp = FALSE,
  \* the honest client's exchange, one word each way
  honestPost = 0, honestAnswer = 0,
  \* the server's private records
  record = [state |-> "idle", sequence |-> 0, open |-> 0, length |-> 1],
  seen = 0, honestSeen = 0, queue = <<>>,
  copied = 1, taken = 0, overtakes = 0, finished = 0;

process (hostile = "hostile")
{
Attack:
  while (TRUE)
    either with (s \in Numbers) post := s
    or with (w \in Words) answer := w
    or with (l \in 1..2) length := l
    or { await Bug = "stamp"; stamp := ~stamp };
}

fair process (honest = "honest")
{
Post:
  honestPost := 1;
Wait:
  await honestAnswer = 1;
}

fair process (server = "server")
  variables word = <<0, "over">>, tries = 0, first = FALSE;
{
Look:
  while (TRUE) {
      with (p = post)
        if (p /= seen) {
          seen := p;
          if (p /= 0 /\ record.state /= "free") {
            record.state := "queued" || record.sequence := p;
            if (queue = <<>> \/ queue[1] /= "hostile") first := TRUE;
          }
        };
      if (~first) goto LookHonest;
    Header:                                                \* one load, checked in private
      record.length := IF length > Inline THEN Inline ELSE length;
    Enter:
      first := FALSE;
      if (\A i \in 1..Len(queue) : queue[i] /= "hostile")
        queue := IF Bug = "stamp" /\ stamp THEN <<"hostile">> \o queue ELSE Append(queue, "hostile");
    LookHonest:
      if (honestPost /= honestSeen) { honestSeen := honestPost; queue := Append(queue, "honest") };
    Choose:
      if (queue = <<>>) goto Look
      else if (queue[1] = "honest") {
        queue := Tail(queue);
        honestAnswer := honestSeen;
        overtakes := 0;
        goto Look;
      } else {
        overtakes := IF Len(queue) > 1 THEN overtakes + 1 ELSE 0;
        queue := Tail(queue);
        if (record.state /= "queued") goto Look;
      };
    Accept:                                                \* accepted := sequence, then look at the answer
      word := answer;
    Judge:
      if (word[1] = record.sequence /\ word[2] = "withdraw" /\ tries < Tries) {
        if (answer = word) { answer := <<word[1], "over">>; goto Drop }
        else { word := answer; tries := IF Bug = "endless" THEN 0 ELSE tries + 1; goto Judge };
      } else if (word[1] = record.sequence) goto Drop
      else record.open := word[1];
    Again:
      tries := 0;
      if (post /= record.sequence) goto Drop else { record.state := "accepted"; taken := record.sequence };
    Copy:
      copied := IF Bug = "twice" THEN length ELSE record.length;
      if (Bug = "trust") record.sequence := answer[1];
    Finish:
      word := answer;
    Publish:
      copied := 1;
      if (Bug = "wait" /\ word = <<record.sequence, "withdraw">>) goto Finish
      else if (~(word[1] = record.open \/ word = <<record.sequence, "withdraw">>)) goto Drop
      else if (tries >= Tries) { record.state := "free"; goto Drop }  \* ends the peer
      else if (answer = word) { answer := <<record.sequence, "over">>; finished := record.sequence }
      else { word := answer; tries := IF Bug = "endless" THEN 0 ELSE tries + 1; goto Publish };
    Drop:
      tries := 0; word := <<0, "over">>; finished := 0; taken := 0;
      record := [state |-> IF record.state = "free" THEN "free" ELSE "idle", sequence |-> record.sequence, open |-> 0, length |-> 1];
  }
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

\* What the server decides by is its own and in range.
RecordOk ==
  /\ record.state \in {"idle", "queued", "accepted", "free"}
  /\ record.sequence \in Numbers /\ record.open \in Numbers
  /\ record.length <= Inline /\ copied <= Inline
  /\ tries <= Tries /\ Len(queue) <= 2
  /\ record.state = "accepted" => record.sequence = taken /\ taken /= 0
\* It answers what it accepted, and only while that is accepted.
AnswersOwn == finished /= 0 => record.state = "accepted" /\ finished = taken
\* Nobody goes first twice while the other waits.
Fair == overtakes <= 1

\* The record takes only the steps of the protocol, whatever the client writes.
Steps == {<<"idle", "queued">>, <<"queued", "accepted">>, <<"queued", "idle">>, <<"accepted", "idle">>, <<"accepted", "free">>}
RecordMoves == [][record'.state /= record.state => <<record.state, record'.state>> \in Steps]_record

\* The honest client is served: so each operation on the hostile exchange ends.
HonestServed == <>(pc["honest"] = "Done")
================================================================================
