-- Ritornello for REAPER: composes in the bars of MIDI items with a model that `ritornello serve` holds.
--
-- The scripts ritornello_infill.lua, ritornello_vary.lua and ritornello_accompany.lua each run one verb. What is asked
-- for is sent as one HTTP request by curl, which comes with Windows, macOS and nearly every Linux. Positions in the
-- project are quarter notes (QN); in a piece they are ticks from the first bar line.

local NEAR = 0.01 -- QN: a time selection this near to a bar line is on it
local MOST_BARS = 1000
local DRUM_CHANNEL = 9

-- JSON ---------------------------------------------------------------------------------------------------------------

local encode

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ESCAPES[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end

-- A table with the field `list` set to true is an array, any other an object.
function encode(value)
  if type(value) == "string" then return quote(value) end
  if math.type(value) == "float" then return ("%.14g"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  if value.list then
    for _, each in ipairs(value) do parts[#parts + 1] = encode(each) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, each in pairs(value) do parts[#parts + 1] = quote(key) .. ":" .. encode(each) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

local CONSTANTS = { { "true", true }, { "false", false }, { "null", nil } }
local CHARACTERS = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- A low half of a surrogate pair follows its high half at once, as encoders write them.
local function unescape(text)
  text = text:gsub("\\u(d[89abAB]%x%x)\\u(d[c-fC-F]%x%x)", function(high, low)
    return utf8.char(0x10000 + ((tonumber(high, 16) & 0x3FF) << 10) + (tonumber(low, 16) & 0x3FF))
  end)
  text = text:gsub("\\u(%x%x%x%x)", function(digits) return utf8.char(tonumber(digits, 16)) end)
  return (text:gsub("\\(.)", function(c) return CHARACTERS[c] or c end))
end

-- Return the value that begins at `at`, and the place after it. Raises an error for what is no JSON.
local function decode(text, at)
  at = text:find("%S", at or 1)
  local first = at and text:sub(at, at)
  if first == '"' then
    local stop = at
    repeat
      stop = assert(text:find('"', stop + 1, true), "a string without an end")
      local backslashes = #text:sub(at + 1, stop - 1):match("\\*$")
    until backslashes % 2 == 0
    return unescape(text:sub(at + 1, stop - 1)), stop + 1
  end
  if first == "[" or first == "{" then
    local result, closing = {}, first == "[" and "]" or "}"
    at = text:find("%S", at + 1)
    while text:sub(at, at) ~= closing do
      local key = #result + 1
      if first == "{" then
        key, at = decode(text, at)
        at = assert(text:match("^%s*:()", at), "no colon after a name")
      end
      result[key], at = decode(text, at)
      at = assert(text:match("^%s*,%s*()", at) or text:match("^%s*()" .. closing, at), "no end of a list")
    end
    return result, at + 1
  end
  for _, constant in ipairs(CONSTANTS) do
    if at and text:find("^" .. constant[1], at) then return constant[2], at + #constant[1] end
  end
  local number = assert(at and text:match("^-?%d[%d.eE+-]*", at), "no JSON")
  return tonumber(number), at + #number
end

-- What the project holds ---------------------------------------------------------------------------------------------

-- A message for the user; other errors are mistakes in this script and keep their place.
local function refuse(message) error({ message = message }, 0) end

local function time_of(qn) return reaper.TimeMap2_QNToTime(0, qn) end

local function qn_of(time) return reaper.TimeMap2_timeToQN(0, time) end

local function named(qn) return reaper.format_timestr_pos(time_of(qn), "", 2) end

-- Return the takes to work on: those of the selected items, or else the one in the MIDI editor.
local function find_takes()
  local takes = {}
  for index = 0, reaper.CountSelectedMediaItems(0) - 1 do
    takes[#takes + 1] = reaper.GetActiveTake(reaper.GetSelectedMediaItem(0, index)) or refuse(
      "The selected item is empty. Select a MIDI item."
    )
  end
  if #takes == 0 then
    local editor = reaper.MIDIEditor_GetActive()
    takes[1] = editor and reaper.MIDIEditor_GetTake(editor) or refuse("Nothing is selected. Select a MIDI item.")
  end
  for index, take in ipairs(takes) do
    if not reaper.TakeIsMIDI(take) then refuse("The selected item holds audio. Select a MIDI item.") end
    local item = reaper.GetMediaItemTake_Item(take)
    local start = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
    local stop = start + reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
    takes[index] = { take = take, item = item, start = qn_of(start), stop = qn_of(stop) }
  end
  return takes
end

-- Return the bars from that of `start` to that of `stop`.
local function find_bars(start, stop)
  local bars = {}
  repeat
    local _, first, last = reaper.TimeMap_QNToMeasures(0, start + NEAR / 2)
    local seconds = time_of(last) - time_of(first)
    local numerator, denominator = reaper.TimeMap_GetTimeSigAtTime(0, time_of(first + NEAR / 2))
    bars[#bars + 1] = {
      start = first,
      stop = last,
      numerator = numerator,
      denominator = denominator,
      bpm = 60 * (last - first) / seconds,
    }
    if #bars > MOST_BARS then refuse(("More than %d bars are selected."):format(MOST_BARS)) end
    start = last
  until start > stop - NEAR
  return bars
end

-- Return the index of the first and the last bar of the time selection. If it is not whole bars, ask.
local function find_selected(bars, takes)
  local from, to = reaper.GetSet_LoopTimeRange(false, false, 0, 0, false)
  if to <= from then refuse("No time is selected. Select the bars to compose anew.") end
  from, to = qn_of(from), qn_of(to)
  local first, last
  for index, bar in ipairs(bars) do
    if bar.stop > from + NEAR and bar.start < to - NEAR then first, last = first or index, index end
  end
  if not first then refuse("The time selection has no bar of the selected item.") end
  local start, stop = bars[first].start, bars[last].stop
  if math.abs(start - from) > NEAR or math.abs(stop - to) > NEAR then
    local question = ("The time selection is not whole bars of the item. Compose %s to %s anew?"):format(
      named(start),
      named(stop)
    )
    if reaper.ShowMessageBox(question, "Ritornello", 1) ~= 1 then return nil end
  end
  for _, each in ipairs(takes) do
    if each.start > start + NEAR or each.stop < stop - NEAR then
      refuse(
        ("The item from %s to %s does not fill the bars from %s to %s. Lengthen it, or select fewer bars."):format(
          named(each.start),
          named(each.stop),
          named(start),
          named(stop)
        )
      )
    end
  end
  return first, last
end

local function check_whole_bars(bars, takes)
  for _, each in ipairs(takes) do
    local starts, stops
    for _, bar in ipairs(bars) do
      starts = starts or math.abs(bar.start - each.start) <= NEAR
      stops = stops or math.abs(bar.stop - each.stop) <= NEAR
    end
    if not (starts and stops) then
      refuse(
        ("The item from %s to %s begins or ends inside a bar. Let it begin and end at bar lines."):format(
          named(each.start),
          named(each.stop)
        )
      )
    end
  end
end

-- Return the program that a take sets for a channel before its first note; 0 if it sets none.
local function find_program(take, channel)
  local _, _, controls = reaper.MIDI_CountEvts(take)
  for index = 0, controls - 1 do
    local _, _, _, _, kind, at, program = reaper.MIDI_GetCC(take, index)
    if kind == 0xC0 and at == channel then return program end
  end
  return 0
end

-- Return the piece as the service takes it, and for each of its tracks the notes with their place in the take.
-- Muted notes, and those outside the item, do not sound: they are not sent, and nothing happens to them.
local function read(takes, bars)
  local origin = bars[1].start
  local ticks = reaper.MIDI_GetPPQPosFromProjQN(takes[1].take, origin + 1)
    - reaper.MIDI_GetPPQPosFromProjQN(takes[1].take, origin)
  ticks = math.min(math.max(math.floor(ticks + 0.5), 24), 9600)
  local function tick_of(qn) return math.floor((qn - origin) * ticks + 0.5) end

  local piece = { ticks_per_quarter = ticks }
  for _, name in ipairs({ "tempos", "meters", "tracks" }) do piece[name] = { list = true } end
  local before = {}
  for _, bar in ipairs(bars) do
    local tick = tick_of(bar.start)
    if not before.bpm or math.abs(bar.bpm - before.bpm) > 1e-6 then
      table.insert(piece.tempos, { tick = tick, bpm = bar.bpm })
    end
    -- REAPER cuts a bar short where the next meter begins: then its length is not that of its meter.
    local length = tick_of(bar.stop) - tick
    if length ~= before.length or bar.numerator ~= before.numerator or bar.denominator ~= before.denominator then
      local meter = { tick = tick, numerator = bar.numerator, denominator = bar.denominator }
      if length * bar.denominator ~= 4 * ticks * bar.numerator then meter.length = length end
      table.insert(piece.meters, meter)
    end
    bar.length, before = length, bar
  end

  local places = {}
  for _, each in ipairs(takes) do
    local of_channel = {}
    local _, count = reaper.MIDI_CountEvts(each.take)
    for index = 0, count - 1 do
      local _, _, muted, start, stop, channel, pitch, velocity = reaper.MIDI_GetNote(each.take, index)
      local qn = reaper.MIDI_GetProjQNFromPPQPos(each.take, start)
      if not muted and qn > each.start - NEAR and qn < each.stop then
        local place = of_channel[channel]
        if not place then
          place = { take = each, channel = channel, notes = {} }
          of_channel[channel] = place
          places[#places + 1] = place
        end
        local tick = math.max(tick_of(qn), 0)
        local duration = tick_of(reaper.MIDI_GetProjQNFromPPQPos(each.take, stop)) - tick
        place.notes[#place.notes + 1] =
          { index = index, start = tick, duration = math.max(duration, 1), pitch = pitch, velocity = velocity }
      end
    end
  end
  for number, place in ipairs(places) do
    local notes = { list = true }
    for position, note in ipairs(place.notes) do
      notes[position] =
        { start = note.start, duration = note.duration, pitch = note.pitch, velocity = note.velocity }
    end
    local _, name = reaper.GetTrackName(reaper.GetMediaItem_Track(place.take.item))
    piece.tracks[number] = {
      name = name,
      program = find_program(place.take.take, place.channel),
      drums = place.channel == DRUM_CHANNEL,
      notes = notes,
    }
  end
  if #places == 0 then refuse("The selected item has no notes.") end
  return piece, places
end

-- The service --------------------------------------------------------------------------------------------------------

local function slurp(path)
  local file = io.open(path, "rb")
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

-- Return the decoded answer of the service.
local function post(server, verb, request)
  if not server:find("^https?://[%w.:/%[%]-]+$") then refuse(('"%s" is no address of a server.'):format(server)) end
  local folder = reaper.GetResourcePath()
  local body, answer = folder .. "/ritornello-request.json", folder .. "/ritornello-answer.json"
  local file = io.open(body, "wb") or refuse("Cannot write " .. body)
  file:write(encode(request))
  file:close()
  local curl = reaper.GetOS():find("^Win") and "curl" or "/usr/bin/curl"
  local command = table.concat({
    curl,
    "--silent --max-time 300 --noproxy 127.0.0.1,localhost",
    '--header "Content-Type: application/json"',
    ('--data-binary "@%s" --output "%s" --write-out "%%{http_code}"'):format(body, answer),
    ('"%s/v1/%s"'):format(server:gsub("/+$", ""), verb),
  }, " ")
  local result = reaper.ExecProcess(command, 0)
  local text = slurp(answer)
  os.remove(body)
  os.remove(answer)
  local code, status = (result or ""):match("^(%-?%d+)%s+(%d+)")
  if not code then refuse("curl does not run. It is needed to talk to Ritornello.") end
  if code == "28" then refuse("Ritornello took longer than five minutes.") end
  if code ~= "0" then
    refuse(("Ritornello does not answer at %s. Start it in a terminal with: ritornello serve"):format(server))
  end
  local is_json, decoded = pcall(decode, text or "")
  if not is_json or type(decoded) ~= "table" then refuse(("%s is not Ritornello."):format(server)) end
  if status ~= "200" then refuse(tostring(decoded.error or "Ritornello answered " .. status)) end
  return decoded
end

-- Writing into the project -------------------------------------------------------------------------------------------

local function key_of(note) return ("%d %d %d %d"):format(note.start, note.duration, note.pitch, note.velocity) end

-- Bring the notes of a composed piece to the ticks of the given one; new ones keep their exact place.
local function resample(composed, ticks)
  local scale = ticks / composed.ticks_per_quarter
  for _, track in ipairs(composed.tracks) do
    for _, note in ipairs(track.notes) do
      note.qn, note.length = note.start / composed.ticks_per_quarter, note.duration / composed.ticks_per_quarter
      note.start, note.duration = math.floor(note.start * scale + 0.5), math.floor(note.duration * scale + 0.5)
    end
  end
end

local function insert(take, origin, channel, note)
  local start = reaper.MIDI_GetPPQPosFromProjQN(take, origin + note.qn)
  local stop = reaper.MIDI_GetPPQPosFromProjQN(take, origin + note.qn + note.length)
  reaper.MIDI_InsertNote(take, false, false, start, stop, channel, note.pitch, note.velocity, true)
end

-- Return the indices of the given notes that are not among the composed ones, and the composed ones that are new.
local function compare(place, composed, is_open)
  local left = {}
  for _, note in ipairs(place.notes) do
    local key = key_of(note)
    left[key] = left[key] or {}
    table.insert(left[key], note)
  end
  local new = {}
  for _, note in ipairs(composed.notes) do
    local same = left[key_of(note)]
    if not (same and table.remove(same)) and is_open(note) then new[#new + 1] = note end
  end
  local gone = {}
  for _, notes in pairs(left) do
    for _, note in ipairs(notes) do
      if is_open(note) then gone[#gone + 1] = note.index end
    end
  end
  return gone, new
end

-- Put a track that the model added below the others.
local function add_track(track, origin, stop)
  local index = reaper.CountTracks(0)
  reaper.InsertTrackAtIndex(index, true)
  local new = reaper.GetTrack(0, index)
  reaper.GetSetMediaTrackInfo_String(new, "P_NAME", track.name or "Ritornello", true)
  for _, note in ipairs(track.notes) do stop = math.max(stop, origin + note.qn + note.length) end
  local item = reaper.CreateNewMIDIItemInProj(new, origin, stop, true)
  local take = reaper.GetActiveTake(item)
  local channel = track.drums and DRUM_CHANNEL or 0
  if not track.drums then reaper.MIDI_InsertCC(take, false, false, 0, 0xC0, channel, track.program or 0, 0) end
  for _, note in ipairs(track.notes) do insert(take, origin, channel, note) end
  reaper.MIDI_Sort(take)
end

-- Change the takes into what was composed; a note that is the same stays as it is, with all that REAPER knows of it.
local function write(composed, takes, places, bars, is_open)
  local origin, gone, new = bars[1].start, {}, {}
  for number, place in ipairs(places) do
    gone[place.take] = gone[place.take] or {}
    local indices
    indices, new[number] = compare(place, composed.tracks[number], is_open)
    table.move(indices, 1, #indices, #gone[place.take] + 1, gone[place.take])
  end
  -- The channels of a take share its indices: delete from the last one on, before any note is added.
  for each, indices in pairs(gone) do
    table.sort(indices, function(a, b) return a > b end)
    for _, index in ipairs(indices) do reaper.MIDI_DeleteNote(each.take, index) end
  end
  for number, place in ipairs(places) do
    for _, note in ipairs(new[number]) do insert(place.take.take, origin, place.channel, note) end
  end
  for _, each in ipairs(takes) do reaper.MIDI_Sort(each.take) end
  for number = #places + 1, #composed.tracks do
    local track = composed.tracks[number]
    if #track.notes > 0 then add_track(track, origin, bars[#bars].stop) end
  end
end

-- The verbs ----------------------------------------------------------------------------------------------------------

local FIELDS = {
  { name = "model", label = "Model", default = "songs" },
  { name = "seed", label = "Seed (empty: any)", default = "" },
  { name = "server", label = "Server", default = "http://127.0.0.1:8766" },
}
local SHARE = { name = "share", label = "Share of bars to vary", default = "0.3" }
local INSTRUMENTS = { name = "instruments", label = "Instruments (empty: any)", default = "" }
local OWN_FIELD = { vary = SHARE, accompany = INSTRUMENTS }

-- Return the texts between commas; nil if there are none.
local function to_list(text)
  local list = { list = true }
  for each in text:gmatch("[^,]+") do list[#list + 1] = each:match("^%s*(.-)%s*$") end
  return #list > 0 and list or nil
end

-- Return what the user sets, or nil. What was set last is offered, except for the seed.
local function ask(verb)
  local labels, values, fields = {}, {}, { OWN_FIELD[verb], table.unpack(FIELDS) }
  if not fields[1] then fields = FIELDS end
  for index, field in ipairs(fields) do
    local kept = reaper.GetExtState("ritornello", field.name)
    labels[index] = field.label
    values[index] = (kept ~= "" and field.name ~= "seed") and kept or field.default
  end
  labels[#labels + 1] = "extrawidth=160"
  labels[#labels + 1] = "separator=\n"
  local ok, text =
    reaper.GetUserInputs("Ritornello: " .. verb, #fields, table.concat(labels, ","), table.concat(values, "\n"))
  if not ok then return nil end
  local settings, index = {}, 0
  for value in (text .. "\n"):gmatch("([^\n]*)\n") do
    index = index + 1
    if fields[index] then
      settings[fields[index].name] = value:match("^%s*(.-)%s*$")
      reaper.SetExtState("ritornello", fields[index].name, settings[fields[index].name], true)
    end
  end
  return settings
end

local function to_number(text, what)
  return tonumber((text:gsub(",", "."))) or refuse(('The %s "%s" is not a number.'):format(what, text))
end

local function to_integer(text, what)
  return math.tointeger(to_number(text, what)) or refuse(('The %s "%s" is not a whole number.'):format(what, text))
end

local function perform(verb)
  local takes = find_takes()
  local start, stop = takes[1].start, takes[1].stop
  for _, each in ipairs(takes) do
    start, stop = math.min(start, each.start), math.max(stop, each.stop)
  end
  local bars = find_bars(start, stop)
  local piece, places = read(takes, bars)
  local first, last = 1, #bars
  if verb == "infill" then
    first, last = find_selected(bars, takes)
    if not first then return end
  elseif verb == "vary" then
    check_whole_bars(bars, takes)
  end

  local settings = ask(verb)
  if not settings then return end
  local request = { music = piece }
  if settings.model ~= "" then request.model = settings.model end
  if settings.seed ~= "" then request.seed = to_integer(settings.seed, "seed") end
  if verb == "infill" then request.infill = ("%d-%d"):format(first, last) end
  if verb == "vary" then request.vary = to_number(settings.share, "share of bars") end
  if verb == "accompany" then request.instruments = to_list(settings.instruments) end
  local answer = post(settings.server, verb, request)

  local from, to = bars[first].start - NEAR, bars[last].stop - NEAR
  local function is_open(note)
    local qn = bars[1].start + note.start / piece.ticks_per_quarter
    return qn > from and qn < to
  end
  resample(answer.piece, piece.ticks_per_quarter)
  reaper.Undo_BeginBlock()
  reaper.PreventUIRefresh(1)
  local ok, problem = pcall(write, answer.piece, takes, places, bars, is_open)
  reaper.PreventUIRefresh(-1)
  reaper.Undo_EndBlock("Ritornello: " .. verb, -1)
  reaper.UpdateArrange()
  if not ok then error(problem, 0) end
end

local ritornello = {}

-- Run a verb: "infill", "vary" or "accompany". What is wrong is said in one message; then nothing was changed.
function ritornello.run(verb)
  local ok, problem = pcall(perform, verb)
  if ok then return end
  if type(problem) ~= "table" then error(problem, 0) end
  reaper.ShowMessageBox(problem.message, "Ritornello", 0)
end

return ritornello
