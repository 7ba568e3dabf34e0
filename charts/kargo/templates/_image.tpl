{{/*
The image's reference: an empty `image.tag` means the chart's appVersion, `image.digest` pins it.
*/}}
{{- define "kargo.image" -}}
{{- $image := .Values.image | default dict }}
{{- $repository := required "image.repository is needed: the image's name without a tag" $image.repository }}
{{- $tag := $image.tag | default .Chart.AppVersion | required "image.tag is needed, for the chart has no appVersion" }}
{{- printf "%s:%s" $repository (toString $tag) }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}
