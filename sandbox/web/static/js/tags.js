// ntfy turns these tags into emoji in front of the title (docs.ntfy.sh/emojis); others stay words.

export const EMOJI = {
  warning: "⚠️", rotating_light: "🚨", white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌",
  no_entry: "⛔", octagonal_sign: "🛑", stop_sign: "🛑", skull: "💀", fire: "🔥", tada: "🎉",
  bell: "🔔", no_bell: "🔕", robot: "🤖", zap: "⚡", eyes: "👀", lock: "🔒", key: "🔑",
  memo: "📝", bar_chart: "📊", chart: "💹", chart_with_upwards_trend: "📈",
  chart_with_downwards_trend: "📉", moneybag: "💰", money_with_wings: "💸", dollar: "💵",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", alarm_clock: "⏰",
  green_circle: "🟢", red_circle: "🔴", yellow_circle: "🟡", orange_circle: "🟠", blue_circle: "🔵",
  information_source: "ℹ️", question: "❓", exclamation: "❗", bangbang: "‼️", construction: "🚧",
  electric_plug: "🔌", satellite: "📡", computer: "💻", email: "📧", "+1": "👍", "-1": "👎",
  arrow_up: "⬆️", arrow_down: "⬇️", arrows_counterclockwise: "🔄", wrench: "🔧", shield: "🛡️",
  test_tube: "🧪", partying_face: "🥳", sos: "🆘", mag: "🔍", repeat: "🔁", loudspeaker: "📢",
};
