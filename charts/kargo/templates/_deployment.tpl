{{/*
The deployment of one container that serves HTTP on `containerPort`.
*/}}
{{- define "kargo.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "kargo.fullname" . }}
  labels:
    {{- include "kargo.labels" . | nindent 4 }}
spec:
  replicas: {{ ternary 1 .Values.replicas (kindIs "invalid" .Values.replicas) }}
  {{- with .Values.strategy }}
  strategy:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "kargo.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "kargo.labels" . | nindent 8 }}
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "kargo.podSpec" . | nindent 6 }}
{{- end }}

{{/*
What the deployment's pods are made of.
*/}}
{{- define "kargo.podSpec" -}}
serviceAccountName: {{ include "kargo.serviceAccountName" . }}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "kargo.podSecurityContext" . | nindent 2 }}
{{- with .Values.initContainers }}
initContainers:
  {{- range . }}
  - {{ include "kargo.changed" (list (dict "securityContext" (include "kargo.securityContext" $ | fromYaml)) .) | nindent 4 | trim }}
  {{- end }}
{{- end }}
containers:
  - {{ include "kargo.container" . | nindent 4 | trim }}
{{- with include "kargo.volumes" . | trim }}
volumes:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
The container that runs the image.
*/}}
{{- define "kargo.container" -}}
name: {{ .Chart.Name }}
image: {{ include "kargo.image" . }}
imagePullPolicy: {{ dig "pullPolicy" "" (.Values.image | default dict) | default "IfNotPresent" }}
securityContext:
  {{- include "kargo.securityContext" . | nindent 2 }}
ports:
  - name: http
    containerPort: {{ required "containerPort is needed: the port on which the program listens" .Values.containerPort | int }}
{{- with include "kargo.env" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- include "kargo.probes" . }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "kargo.volumeMounts" . | trim }}
volumeMounts:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
