"""Conference rooms as values."""

from satmint.model.rooms import Layout, ResourceFilter, RoomChange, RoomSettings, VideoQuality


def test_settings_of_a_room_that_names_none() -> None:
    settings = RoomSettings()
    assert (settings.description, settings.max_members) == ("", 20)
    assert (settings.quality, settings.layout) == (VideoQuality.HD, Layout.GRID_RESPONSIVE)
    assert settings.join_from is None
    assert settings.join_until is None
    assert settings.remove_at is None
    assert settings.remove_after_seconds_elapsed is None
    assert settings.record_on_start is False
    assert settings.tone_on_entry_and_exit is False
    assert settings.room_join_video_off is False
    assert settings.user_join_video_off is False
    assert settings.enable_room_previews is False
    assert settings.sync_audio_video is None
    assert settings.meta == {}
    assert settings.meta is not RoomSettings().meta


def test_change_and_filter_that_name_nothing() -> None:
    change, wanted = RoomChange(), ResourceFilter()
    assert (change.name, change.display_name, change.settings) == (None, None, {})
    assert (wanted.type, wanted.display_name) == (None, None)
