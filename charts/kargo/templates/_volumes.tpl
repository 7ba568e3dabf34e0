{{/*
The claim of the data volume, where `data.enabled` and no existing claim is named. It stays when
the release is removed, for the data is worth more than the release.
*/}}
{{- define "kargo.dataClaim" -}}
{{- $data := .Values.data | default dict }}
{{- if and $data.enabled (not $data.existingClaim) -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "kargo.dataClaimName" . }}
  labels:
    {{- include "kargo.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes:
    {{- $data.accessModes | default (list "ReadWriteOnce") | toYaml | nindent 4 }}
  {{- with $data.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ $data.size | default "1Gi" }}
{{- end }}
{{- end }}

{{/*
The pod's volumes, a list: a scratch folder for each path of `scratch`, the data, and `volumes`.
*/}}
{{- define "kargo.volumes" -}}
{{- range $number, $_ := .Values.scratch }}
- name: scratch-{{ $number }}
  emptyDir: {}
{{- end }}
{{- if dig "enabled" false (.Values.data | default dict) }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "kargo.dataClaimName" . }}
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
Where the container finds them, a list.
*/}}
{{- define "kargo.volumeMounts" -}}
{{- range $number, $path := .Values.scratch }}
- name: scratch-{{ $number }}
  mountPath: {{ $path }}
{{- end }}
{{- $data := .Values.data | default dict }}
{{- if $data.enabled }}
- name: data
  mountPath: {{ $data.mountPath | default "/mnt/data" }}
  readOnly: {{ $data.readOnly | default false }}
{{- end }}
{{- with .Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
