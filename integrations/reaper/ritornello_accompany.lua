local folder = select(2, reaper.get_action_context()):match("^.*[/\\]")
dofile(folder .. "ritornello.lua").run("accompany")
